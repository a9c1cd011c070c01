import Foundation

/// Reads the operating system's counters of what disturbs a measurement.
///
/// Reading takes about a tenth of a millisecond: do it outside what is timed.
public struct NoiseProbe: Sendable {
  /// Counters at one moment.
  public struct Reading: Sendable {
    fileprivate let stealTicks: Int?
    fileprivate let throttledSeconds: Double?
    fileprivate let involuntarySwitches: Int
    fileprivate let migrations: Int?
    fileprivate let majorFaults: Int
  }

  private let processors: [Int]
  private let threads: [String]
  private let throttling: ControlGroup.ThrottlingMeter
  private let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))

  /// Watches the threads that this process has now.
  ///
  /// - Parameter processors: those whose clock is read, by operating-system index.
  public init(processors: [Int]) {
    self.processors = processors
    throttling = ControlGroup.own.throttling
    threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
  }

  public func read() -> Reading {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return Reading(
      stealTicks: Self.stealTicks, throttledSeconds: throttling.seconds,
      involuntarySwitches: usage.ru_nivcsw,
      migrations: migrations, majorFaults: usage.ru_majflt)
  }

  /// What happened since `start`.
  public func evidence(since start: Reading) -> NoiseEvidence {
    let end = read()
    func difference(_ first: Int?, _ second: Int?) -> Int? {
      guard let first, let second else { return nil }
      return max(0, second - first)
    }
    let throttled = end.throttledSeconds.flatMap { end in
      start.throttledSeconds.map { max(0, end - $0) }
    }
    return NoiseEvidence(
      stealS: difference(start.stealTicks, end.stealTicks).map { Double($0) / ticksPerSecond },
      throttledS: throttled,
      involuntarySwitches: end.involuntarySwitches - start.involuntarySwitches,
      migrations: difference(start.migrations, end.migrations),
      majorFaults: end.majorFaults - start.majorFaults, frequencyHz: frequency)
  }

  /// The eighth number of `/proc/stat`'s first line.
  private static var stealTicks: Int? {
    let fields = SystemFile.beginning(of: "/proc/stat", bytes: 256)?
      .split(separator: "\n").first?.split(separator: " ")
    guard let fields, fields.count > 8 else { return nil }
    return Int(fields[8])
  }

  /// Over all threads.
  private var migrations: Int? {
    let counts = threads.compactMap { thread in
      SystemFile.value(
        of: "se.nr_migrations",
        in: SystemFile.beginning(of: "/proc/self/task/\(thread)/sched", bytes: 1024)
      ).flatMap { Int($0) }
    }
    return counts.isEmpty ? nil : counts.reduce(0, +)
  }

  private var frequency: Double? {
    processors.compactMap { processor in
      SystemFile.number("/sys/devices/system/cpu/cpu\(processor)/cpufreq/scaling_cur_freq")
        .map { Double($0) * 1000 }
    }.min()
  }
}
