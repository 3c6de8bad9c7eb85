"""What r3d is compared with: a file a peer. ``bench.contestants`` says what a peer's file defines."""
