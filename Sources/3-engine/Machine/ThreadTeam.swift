import CKernels
import Foundation
import Input
import Synchronization

/// A fixed team of threads, each pinned to a core, that runs one closure on all of them at a time.
///
/// The caller is rank 0. Workers spin briefly between jobs, as the next one is microseconds away
/// inside a forward step, then park. Nothing is allocated and no lock is taken while they spin.
/// A team serves one caller at a time; a second one, or a closure that asks for its own team, traps.
///
/// `run` and `share` are the only places where closures cross threads. The compiler refuses closures
/// that share variables, engines or bare pointers. What it cannot see is what lies behind the types
/// that hold memory (`PageMemory`, `FloatBuffer`): each rank may write only to parts of it that no
/// other rank uses in the same call.
///
/// Sendable, as nothing of it changes once it has started but for what `busy` guards.
public final class ThreadTeam: @unchecked Sendable {
  public let count: Int
  /// Whether every thread could be bound to its core.
  public private(set) var pinned: Bool
  private let shared: Shared
  private var workers: [pthread_t] = []

  /// - Parameters:
  ///   - count: threads, the caller included; `nil` for `defaultCount`.
  ///   - pinned: whether to bind them, the caller included.
  public init(count: Int? = nil, pinned: Bool = true, topology: Topology) throws {
    let count = count ?? Self.defaultCount(topology)
    guard (1...topology.processors.count).contains(count) else {
      throw InputError(
        "threads", problem: "is \(count)",
        expected: "1 to \(topology.processors.count), this machine's processors")
    }
    self.count = count
    self.pinned = false
    shared = Shared(count: count)
    try start(on: pinned ? topology.processors : [])
  }

  /// Threads where nothing else is asked for: one a core, but no more than the control groups' quota
  /// of processors keeps running.
  ///
  /// With more, the quota is used up early in each period (100 ms as a rule), and all threads stop
  /// until the next; those that were about to meet the others wait for them. A fraction of a
  /// processor is left unused for the same reason.
  public static func defaultCount(_ topology: Topology) -> Int {
    defaultCount(cores: topology.cores, quota: ControlGroup.own.processors)
  }

  package static func defaultCount(cores: Int, quota: Double?) -> Int {
    guard let quota, quota < Double(cores) else { return cores }
    return max(1, Int(quota))
  }

  /// A team of threads that are not bound, as many as asked for, whatever the machine has.
  ///
  /// - Parameter start: starts a thread; a way for tests to refuse one.
  package init(
    unboundCount count: Int, start: (Int) throws -> Void = { _ in }
  ) throws {
    self.count = count
    pinned = false
    shared = Shared(count: count)
    try self.start(on: [], before: start)
  }

  /// - Parameter processors: to bind threads to, by rank; empty for none.
  private func start(on processors: [Int], before: (Int) throws -> Void = { _ in }) throws {
    // All properties are set: should a thread be refused, the deinitialiser ends those before it.
    for rank in 1..<count {
      try before(rank)
      workers.append(
        try Self.startThread(
          Worker(shared: shared, rank: rank, processor: processors.isEmpty ? nil : processors[rank])
        ))
    }
    let bound = !processors.isEmpty && Hardware.bindCurrentThread(to: processors[0])
    run { _ in }  // returns when all workers run, and have tried to bind
    pinned = bound && shared.unbound.load(ordering: .acquiring) == 0
  }

  deinit {
    shared.stopping.store(true, ordering: .relaxed)
    shared.publish()
    for worker in workers { pthread_join(worker, nil) }
    pthread_cond_destroy(shared.condition)
    pthread_mutex_destroy(shared.mutex)
    shared.condition.deallocate()
    shared.mutex.deallocate()
    shared.cursors.deallocate()
  }

  /// Runs `body` once on each thread, with its rank, and returns when all have finished.
  public func run(_ body: @Sendable (_ rank: Int) -> Void) {
    guard count > 1 else {
      body(0)
      return
    }
    let isBusy = shared.busy.exchange(true, ordering: .acquiring)
    precondition(!isBusy, "a team serves one caller at a time")
    defer { shared.busy.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { job in
      shared.job = job
      shared.remaining.store(count - 1, ordering: .relaxed)
      shared.publish()
      job(0)
      var spins = 0
      while shared.remaining.load(ordering: .acquiring) != 0 {
        dyno_relax()
        spins += 1
        if spins % 4096 == 0 { sched_yield() }
      }
      shared.job = nil
    }
  }

  /// The part of `0..<total` that `rank` works on: contiguous, the same for the thread that first
  /// touches memory and those that read it later, cut at multiples of `grain`.
  public func slice(_ total: Int, rank: Int, grain: Int = 1) -> Range<Int> {
    let grains = (total + grain - 1) / grain
    let low = grains * rank / count * grain
    let high = grains * (rank + 1) / count * grain
    return min(low, total)..<min(high, total)
  }

  /// Works through `0..<total` in ranges of at most `chunk`, each given to one thread.
  ///
  /// A thread first takes the ranges of its own `slice`, whose memory is near it, then helps those
  /// that are behind: a core slowed by a neighbour does not hold up the team.
  public func share(
    _ total: Int, grain: Int, chunk: Int,
    _ body: @Sendable (_ rank: Int, _ range: Range<Int>) -> Void
  ) {
    for rank in 0..<count {
      shared.cursor(rank).pointee.store(
        slice(total, rank: rank, grain: grain).lowerBound, ordering: .relaxed)
    }
    run { rank in
      for turn in 0..<count {
        let owner = (rank + turn) % count
        let end = slice(total, rank: owner, grain: grain).upperBound
        while true {
          let start = shared.cursor(owner).pointee.wrappingAdd(chunk, ordering: .relaxed).oldValue
          guard start < end else { break }
          body(rank, start..<min(end, start + chunk))
        }
      }
    }
  }

  /// What caller and workers share. It outlives the team's deinitialiser as the workers hold it.
  private final class Shared: @unchecked Sendable {
    /// Counts jobs; a change is the signal to run.
    let generation = Atomic<Int>(0)
    let remaining = Atomic<Int>(0)
    let parked = Atomic<Int>(0)
    let stopping = Atomic<Bool>(false)
    let unbound = Atomic<Int>(0)
    /// Whether somebody's job runs.
    let busy = Atomic<Bool>(false)
    /// Written by the caller while workers wait for the next generation.
    var job: (@Sendable (Int) -> Void)?
    let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    /// Where each rank's slice stands in `share`, each on cache lines of its own.
    let cursors: UnsafeMutablePointer<Atomic<Int>>
    private static let cursorStride = 16

    func cursor(_ rank: Int) -> UnsafeMutablePointer<Atomic<Int>> {
      cursors + rank * Self.cursorStride
    }

    init(count: Int) {
      cursors = .allocate(capacity: count * Self.cursorStride)
      for index in 0..<count * Self.cursorStride { (cursors + index).initialize(to: Atomic(0)) }
      pthread_mutex_init(mutex, nil)
      pthread_cond_init(condition, nil)
    }

    /// Lets the workers go, waking those that parked.
    func publish() {
      generation.add(1, ordering: .sequentiallyConsistent)
      guard parked.load(ordering: .sequentiallyConsistent) > 0 else { return }
      pthread_mutex_lock(mutex)
      pthread_cond_broadcast(condition)
      pthread_mutex_unlock(mutex)
    }

    /// Waits until the generation is no longer `seen`.
    func awaitJob(after seen: Int) {
      for _ in 0..<ThreadTeam.spinsBeforeParking {
        if generation.load(ordering: .acquiring) != seen { return }
        dyno_relax()
      }
      pthread_mutex_lock(mutex)
      parked.add(1, ordering: .sequentiallyConsistent)
      while generation.load(ordering: .sequentiallyConsistent) == seen {
        pthread_cond_wait(condition, mutex)
      }
      parked.subtract(1, ordering: .sequentiallyConsistent)
      pthread_mutex_unlock(mutex)
    }

    /// Never inlined, so that the copy of the closure is gone before the job counts as done.
    @inline(never)
    func runJob(_ rank: Int) { job?(rank) }
  }

  /// A tenth of a millisecond or more: longer than any gap inside a forward step.
  private static let spinsBeforeParking = 1 << 13

  private final class Worker {
    let shared: Shared
    let rank: Int
    let processor: Int?

    init(shared: Shared, rank: Int, processor: Int?) {
      self.shared = shared
      self.rank = rank
      self.processor = processor
    }

    func loop() {
      if let processor, !Hardware.bindCurrentThread(to: processor) {
        shared.unbound.add(1, ordering: .relaxed)
      }
      var seen = 0
      while true {
        shared.awaitJob(after: seen)
        seen += 1
        if shared.stopping.load(ordering: .relaxed) { return }
        shared.runJob(rank)
        shared.remaining.subtract(1, ordering: .releasing)
      }
    }
  }

  private static func startThread(_ worker: Worker) throws -> pthread_t {
    var thread = pthread_t()
    let context = Unmanaged.passRetained(worker)
    let status = pthread_create(
      &thread, nil,
      { context in
        Unmanaged<Worker>.fromOpaque(context!).takeRetainedValue().loop()
        return nil
      }, context.toOpaque())
    guard status == 0 else {
      context.release()
      throw HostError("a thread cannot be started: \(String(cString: strerror(status)))")
    }
    return thread
  }
}
