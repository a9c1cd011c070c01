import Foundation
import Machine

/// Tells which samples are suspect, and what a person can do about it.
package struct NoiseJudge {
  package let threads: Int

  package init(threads: Int) { self.threads = threads }

  /// A sample is suspect where any of this happened:
  /// - the hypervisor took more than 1% of the threads' time;
  /// - the scheduler took a processor away more than 10 times a second;
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
    if Double(noise.involuntarySwitches) > max(1, 10 * seconds) { suspicions.append(.preemption) }
    if let migrations = noise.migrations, migrations > 0 { suspicions.append(.migration) }
    if noise.majorFaults > 0 { suspicions.append(.paging) }
    if let frequency = noise.frequencyHz, let highestFrequency, frequency < 0.9 * highestFrequency {
      suspicions.append(.frequency)
    }
    return suspicions
  }

  /// One line for each kind of disturbance, with what helps against it.
  package static func warnings(_ samples: [SampleCircumstances]) -> [String] {
    Suspicion.allCases.compactMap { suspicion in
      let struck = samples.filter { $0.suspicions.contains(suspicion) }
      // One in twenty can happen on any machine, and does not move a median.
      guard struck.count * 20 > samples.count else { return nil }
      return "\(struck.count) of \(samples.count) samples \(suspicion.account(struck.map(\.noise)))"
    }
  }
}

extension Suspicion {
  fileprivate func account(_ noise: [NoiseEvidence]) -> String {
    switch self {
    case .steal:
      let seconds = noise.reduce(0) { $0 + ($1.stealS ?? 0) }
      return String(
        format: "lost %.2f s of processor time to other guests of this machine's host: "
          + "a longer budget or a dedicated machine helps", seconds)
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
