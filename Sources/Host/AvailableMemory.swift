import Foundation

/// Memory this process can still get.
public enum AvailableMemory {
  /// Bytes: the kernel's `MemAvailable`, or what is left under the tightest cgroup limit above this
  /// process, whichever is less.
  public static func bytes() -> Int {
    let limits = [kernelEstimate()].compactMap { $0 } + cgroupHeadroom()
    return limits.min() ?? Int(ProcessInfo.processInfo.physicalMemory)
  }

  private static func kernelEstimate() -> Int? {
    text("/proc/meminfo")?.split(separator: "\n").first { $0.hasPrefix("MemAvailable:") }
      .flatMap { $0.split(separator: " ").dropFirst().first }.flatMap { Int($0) }.map { $0 * 1024 }
  }

  /// Limit minus use of each cgroup from the process's own to the root. Page cache that can be
  /// dropped does not count as used.
  private static func cgroupHeadroom() -> [Int] {
    var headroom: [Int] = []
    for line in (text("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let version2 = parts[0] == "0" && parts[1].isEmpty
      guard version2 || parts[1].split(separator: ",").contains("memory") else { continue }
      let root = version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory"
      let (limitName, usageName) =
        version2
        ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      var group = String(parts[2])
      while true {
        let folder = root + (group == "/" ? "" : group)
        if let limit = number("\(folder)/\(limitName)"),
          let usage = number("\(folder)/\(usageName)")
        {
          let used = max(0, usage - droppableCache("\(folder)/memory.stat"))
          headroom.append(max(0, limit - used))
        }
        guard group != "/", !group.isEmpty else { break }
        group = (group as NSString).deletingLastPathComponent
      }
    }
    return headroom
  }

  private static func droppableCache(_ path: String) -> Int {
    text(path)?.split(separator: "\n").first { $0.hasPrefix("inactive_file ") }
      .flatMap { $0.split(separator: " ").last }.flatMap { Int($0) } ?? 0
  }

  private static func number(_ path: String) -> Int? {
    text(path).flatMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
  }

  private static func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
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
