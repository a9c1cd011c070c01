import Foundation
import Machine

/// Tells which samples are suspect, and what a person can do about it.
package struct NoiseJudge {
  package let threads: Int
  /// Processors' worth of time that the control groups allow, where that is less than the threads
  /// ask for.
  private let quota: Double?

  package init(threads: Int, quota: Double? = nil) {
    self.threads = threads
    self.quota = quota.flatMap { $0 < Double(threads) ? $0 : nil }
  }

  /// A sample is suspect where any of this happened:
  /// - the hypervisor took more than 1% of the threads' time;
  /// - a quota kept threads waiting for more than 1% of their time;
  /// - the scheduler took a processor away more than 10 times a second: for other programs, or for
  ///   the quota where threads had to wait for it (or, where the kernel does not tell, may have had to);
  /// - a thread moved to another processor (they are pinned, or should stay where they are);
  /// - a page was read from disk;
  /// - the clock was below 90% of the highest seen in the run.
  package func suspicions(
    _ noise: NoiseEvidence, seconds: Double, highestFrequency: Double?
  ) -> [Suspicion] {
    var suspicions: [Suspicion] = []
    if let steal = noise.stealS, steal > 0.01 * seconds * Double(threads) {
      suspicions.append(.steal)
    }
    let isThrottled = (noise.throttledS ?? 0) > 0.01 * seconds * Double(threads)
    let isInterrupted = Double(noise.involuntarySwitches) > max(1, 10 * seconds)
    // Stopping for the quota is an interruption, too.
    let isByQuota = noise.throttledS.map { $0 > 0 } ?? (quota != nil)
    if isThrottled || isInterrupted && isByQuota {
      suspicions.append(.throttling)
    } else if isInterrupted {
      suspicions.append(.preemption)
    }
    if let migrations = noise.migrations, migrations > 0 { suspicions.append(.migration) }
    if noise.majorFaults > 0 { suspicions.append(.paging) }
    if let frequency = noise.frequencyHz, let highestFrequency, frequency < 0.9 * highestFrequency {
      suspicions.append(.frequency)
    }
    return suspicions
  }

  /// One line for each kind of disturbance, with what helps against it.
  ///
  /// - Parameter quota: processors' worth of time that the control groups allow, where they limit it.
  package static func warnings(
    _ samples: [SampleCircumstances], quota: Double? = nil
  ) -> [String] {
    Suspicion.allCases.compactMap { suspicion in
      let struck = samples.filter { $0.suspicions.contains(suspicion) }
      // One in twenty can happen on any machine, and does not move a median.
      guard struck.count * 20 > samples.count else { return nil }
      let account = suspicion.account(struck.map(\.noise), quota)
      return "\(struck.count) of \(samples.count) samples \(account)"
    }
  }
}

extension Suspicion {
  fileprivate func account(_ noise: [NoiseEvidence], _ quota: Double?) -> String {
    switch self {
    case .steal:
      let seconds = noise.reduce(0) { $0 + ($1.stealS ?? 0) }
      return String(
        format: "lost %.2f s of processor time to other guests of this machine's host: "
          + "a longer budget or a dedicated machine helps", seconds)
    case .throttling:
      let seconds = noise.reduce(0) { $0 + ($1.throttledS ?? 0) }
      let waited =
        seconds > 0 ? String(format: "waited %.2f s for", seconds) : "were interrupted, likely by"
      return "\(waited) \(ProcessorQuota.text(quota)): have no more threads than it has "
        + "processors, or raise it"
    case .preemption:
      let count = noise.reduce(0) { $0 + $1.involuntarySwitches }
      return "were interrupted by other programs (\(count) times): stop these, or leave them a "
        + "core with fewer threads"
    case .migration:
      return "ran on changing cores: allow pinning, or limit the process with taskset"
    case .paging:
      return "waited for pages from disk: free memory, or measure smaller models"
    case .frequency:
      return "ran at a lower clock than others: fix the governor "
        + "(cpupower frequency-set -g performance), or cool the machine"
    }
  }
}

/// A control group's quota of processor time, for warnings.
enum ProcessorQuota {
  /// "the container's quota of 1.5 processors"
  static func text(_ processors: Double?) -> String {
    guard let processors else { return "the container's quota of processor time" }
    let count = String(format: "%.3g", processors)
    return "the container's quota of \(count) processor\(processors == 1 ? "" : "s")"
  }
}
