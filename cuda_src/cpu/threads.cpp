#include "cpu/threads.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace r3d {
namespace {

struct Job {
  ParallelBody body;
  void* context;
  i64 count, grain;
  std::atomic<i64> next{0};
  std::atomic<int> workers{1};  // worker ids handed out; the caller is 0
  int limit;                    // workers that may join, the caller included

  void run(int worker) {
    for (;;) {
      const i64 begin = next.fetch_add(grain, std::memory_order_relaxed);
      if (begin >= count) return;
      const i64 end = begin + grain < count ? begin + grain : count;
      body(context, begin, end, worker);
    }
  }
};

struct Pool {
  std::mutex mutex;
  std::condition_variable wake, done;
  std::vector<std::thread> threads;
  Job* job = nullptr;
  u64 generation = 0;
  int active = 0;
  std::mutex busy;  // held by the caller whose job runs

  // Where the system has no more threads, those that there are do the work, if need be the caller alone.
  void grow(int wanted) {
    try {
      while (static_cast<int>(threads.size()) < wanted) threads.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
    }
  }

  void work();
};

// The pool is never destroyed: its threads may outlive main's statics. A forked child has no threads, so it
// starts with a new pool and leaks the old one, whose mutexes may be held by threads that no longer exist.
std::atomic<Pool*> g_pool{nullptr};
std::atomic<int> g_requested{0};
std::mutex g_create;
thread_local bool t_inside = false;  // this thread is running a body: what it starts runs serially

void Pool::work() {
  t_inside = true;
  std::unique_lock<std::mutex> lock(mutex);
  u64 seen = 0;  // below every generation: a thread made for a job joins that very job
  for (;;) {
    wake.wait(lock, [&] { return job != nullptr && generation != seen; });
    seen = generation;
    Job* const mine = job;
    const int worker = mine->workers.fetch_add(1);
    if (worker >= mine->limit) continue;
    ++active;
    lock.unlock();
    mine->run(worker);
    lock.lock();
    if (--active == 0) done.notify_one();
  }
}

// The OpenMP runtime of another library of this process. Its threads spin for milliseconds after that
// library's own loops, on the very cores that ours would run on; so where it has as many threads as we would
// use, they do our work too.
struct OpenMp {
  void (*parallel)(void (*body)(void*), void* context, unsigned threads, unsigned flags);
  int (*max_threads)();
  int (*num_procs)();
  int (*in_parallel)();
};
OpenMp g_openmp;
std::atomic<const OpenMp*> g_team{nullptr};

// The team that runs loops of the calling thread, or null. A runtime has a team for every thread that asks,
// so only the main thread does.
const OpenMp* team_of_caller() {
  const OpenMp* const team = g_team.load(std::memory_order_acquire);
  if (!team || syscall(SYS_gettid) != getpid() || team->in_parallel()) return nullptr;
  return team->max_threads() == num_threads() ? team : nullptr;
}

void forget_pool_after_fork() {
  g_pool.store(nullptr);
  g_team.store(nullptr);  // its threads are gone too, and it does not know
  new (&g_create) std::mutex();
}

Pool* pool() {
  Pool* p = g_pool.load(std::memory_order_acquire);
  if (p) return p;
  std::lock_guard<std::mutex> lock(g_create);
  p = g_pool.load();
  if (!p) {
    static bool registered = false;
    if (!registered) pthread_atfork(nullptr, nullptr, forget_pool_after_fork);
    registered = true;
    p = new Pool;
    g_pool.store(p, std::memory_order_release);
  }
  return p;
}

int default_threads() {
  if (const char* text = getenv("R3D_NUM_THREADS")) {
    const int count = atoi(text);
    if (count >= 1) return count < 1024 ? count : 1024;
  }
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    const int count = CPU_COUNT(&set);
    // OMP_PROC_BIND ties the main thread to one CPU; the runtime that did it knows how many there were.
    const OpenMp* const team = g_team.load(std::memory_order_acquire);
    const int before = team ? team->num_procs() : 0;
    if (count >= 1) return count > before ? count : before;
  }
  const int count = static_cast<int>(std::thread::hardware_concurrency());
  return count >= 1 ? count : 1;
}

}  // namespace

int num_threads() {
  const int requested = g_requested.load(std::memory_order_relaxed);
  return requested >= 1 ? requested : default_threads();
}

void set_num_threads(int count) { g_requested.store(count); }

bool share_openmp(const char* library) {
  void* const handle = dlopen(library, RTLD_LAZY | RTLD_NOLOAD);
  if (!handle) return false;
  OpenMp found;
  *reinterpret_cast<void**>(&found.parallel) = dlsym(handle, "GOMP_parallel");
  *reinterpret_cast<void**>(&found.max_threads) = dlsym(handle, "omp_get_max_threads");
  *reinterpret_cast<void**>(&found.num_procs) = dlsym(handle, "omp_get_num_procs");
  *reinterpret_cast<void**>(&found.in_parallel) = dlsym(handle, "omp_in_parallel");
  if (!found.parallel || !found.max_threads || !found.num_procs || !found.in_parallel) {
    dlclose(handle);
    return false;
  }
  pool();  // which forgets the team after a fork
  if (!g_team.load()) {
    g_openmp = found;
    g_team.store(&g_openmp, std::memory_order_release);
  }
  return true;
}

void parallel_for(i64 count, i64 grain, ParallelBody body, void* context) {
  if (count <= 0) return;
  if (grain < 1) grain = 1;
  const i64 chunks = (count + grain - 1) / grain;
  int limit = chunks > 1 && !t_inside ? num_threads() : 1;
  if (limit > chunks) limit = static_cast<int>(chunks);
  Pool* const p = limit > 1 ? pool() : nullptr;
  const bool was_inside = t_inside;
  if (!p || !p->busy.try_lock()) {
    t_inside = true;
    for (i64 begin = 0; begin < count; begin += grain)
      body(context, begin, begin + grain < count ? begin + grain : count, 0);
    t_inside = was_inside;
    return;
  }
  Job job;
  job.body = body;
  job.context = context;
  job.count = count;
  job.grain = grain;
  job.limit = limit;
  if (const OpenMp* const team = team_of_caller()) {
    job.workers = 0;
    team->parallel(
        [](void* context) {
          Job* const mine = static_cast<Job*>(context);
          const int worker = mine->workers.fetch_add(1);
          if (worker >= mine->limit) return;
          const bool was = t_inside;
          t_inside = true;
          mine->run(worker);
          t_inside = was;
        },
        &job, static_cast<unsigned>(num_threads()), 0);
    p->busy.unlock();
    return;
  }
  {
    std::lock_guard<std::mutex> lock(p->mutex);
    p->grow(limit - 1);
    p->job = &job;
    ++p->generation;
  }
  if (limit == 2)
    p->wake.notify_one();
  else
    p->wake.notify_all();
  t_inside = true;
  job.run(0);
  t_inside = was_inside;
  {
    std::unique_lock<std::mutex> lock(p->mutex);
    p->job = nullptr;  // a thread that has not woken yet must not touch the finished job
    p->done.wait(lock, [&] { return p->active == 0; });
  }
  p->busy.unlock();
}

}  // namespace r3d
