import Foundation

/// The control groups that this process is in: what a container may use.
enum ControlGroup {
  /// The folders of a controller from the process's own group up to the root.
  private static func folders(_ controller: String) -> [(path: String, version2: Bool)] {
    var folders: [(path: String, version2: Bool)] = []
    for line in (SystemFile.text("/proc/self/cgroup") ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let version2 = parts[0] == "0" && parts[1].isEmpty
      guard version2 || parts[1].split(separator: ",").contains(Substring(controller)) else {
        continue
      }
      let root = version2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/\(controller)"
      var group = String(parts[2])
      while true {
        folders.append((root + (group == "/" ? "" : group), version2))
        guard group != "/", !group.isEmpty else { break }
        group = (group as NSString).deletingLastPathComponent
      }
    }
    return folders
  }

  /// Processors' worth of time that the tightest group allows; `nil` without a limit.
  static var processors: Double? {
    folders("cpu").compactMap { folder, version2 -> Double? in
      if version2 {
        let parts = (SystemFile.text("\(folder)/cpu.max") ?? "").split(separator: " ")
        guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]) else {
          return nil
        }
        return quota / period
      }
      guard let quota = SystemFile.number("\(folder)/cpu.cfs_quota_us"), quota > 0,
        let period = SystemFile.number("\(folder)/cpu.cfs_period_us")
      else { return nil }
      return Double(quota) / Double(period)
    }.min()
  }

  /// Bytes that the tightest group allows; `nil` without a limit.
  static var memoryBytes: Int? {
    let limits = folders("memory").compactMap { folder, version2 in
      SystemFile.number("\(folder)/" + (version2 ? "memory.max" : "memory.limit_in_bytes"))
    }
    // Version 1 spells "no limit" as a number beyond any memory.
    return limits.min().flatMap { $0 < Int(1) << 60 ? $0 : nil }
  }

  /// Limit minus use of each group. Page cache that can be dropped does not count as used.
  static var memoryHeadroom: [Int] {
    folders("memory").compactMap { folder, version2 in
      let (limitName, usageName) =
        version2
        ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      guard let limit = SystemFile.number("\(folder)/\(limitName)"),
        let usage = SystemFile.number("\(folder)/\(usageName)")
      else { return nil }
      let droppable = SystemFile.value(
        of: "inactive_file ", in: SystemFile.text("\(folder)/memory.stat"), separator: " ")
      return max(0, limit - max(0, usage - (droppable.flatMap { Int($0) } ?? 0)))
    }
  }
}
