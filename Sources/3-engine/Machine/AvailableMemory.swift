import Foundation

/// Memory this process can still get.
public enum AvailableMemory {
  /// Bytes: the kernel's `MemAvailable`, or what is left under the tightest cgroup limit above this
  /// process, whichever is less.
  public static func bytes() -> Int {
    let limits = [kernelEstimate()].compactMap { $0 } + ControlGroup.own.memoryHeadroom
    return limits.min() ?? Int(ProcessInfo.processInfo.physicalMemory)
  }

  private static func kernelEstimate() -> Int? {
    SystemFile.value(of: "MemAvailable:", in: SystemFile.text("/proc/meminfo"))?
      .split(separator: " ").first.flatMap { Int($0) }.map { $0 * 1024 }
  }
}

/// Memory this process holds.
public enum ProcessMemory {
  /// The most that was ever resident at once, in bytes, files mapped included.
  public static func peakBytes() -> Int {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.ru_maxrss * 1024
  }
}
