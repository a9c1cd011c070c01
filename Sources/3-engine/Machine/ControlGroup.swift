import Foundation

/// The control groups that this process is in: what a container may use
/// (`Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1` of the kernel).
package struct ControlGroup: Sendable {
  /// Where hierarchies are mounted.
  private let mounts: String
  /// What says which groups the process is in, a line a hierarchy.
  private let membership: String

  /// This process's.
  package static let own = ControlGroup(
    mounts: "/sys/fs/cgroup", membership: "/proc/self/cgroup")

  package init(mounts: String, membership: String) {
    self.mounts = mounts
    self.membership = membership
  }

  private struct Folder {
    let path: String
    let isVersion2: Bool

    func text(_ name: String) -> String? { SystemFile.text("\(path)/\(name)") }
    func number(_ name: String) -> Int? { SystemFile.number("\(path)/\(name)") }
  }

  /// The folders of a controller from the process's own group up to the root.
  ///
  /// Within a container the names of groups may be the host's, of which it sees the last folder only,
  /// as the root: folders that are not there have no limits.
  private func folders(_ controller: String) -> [Folder] {
    var folders: [Folder] = []
    for line in (SystemFile.text(membership) ?? "").split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isVersion2 = parts[0] == "0" && parts[1].isEmpty
      guard isVersion2 || parts[1].split(separator: ",").contains(Substring(controller)) else {
        continue
      }
      // A hierarchy of several controllers is mounted under all their names; a link for each is usual.
      let roots =
        isVersion2 ? [mounts] : ["\(mounts)/\(controller)", "\(mounts)/\(parts[1])"]
      let root = roots.first { FileManager.default.fileExists(atPath: $0) } ?? roots[0]
      var group = String(parts[2])
      while true {
        folders.append(Folder(path: root + (group == "/" ? "" : group), isVersion2: isVersion2))
        guard group != "/", !group.isEmpty else { break }
        group = (group as NSString).deletingLastPathComponent
      }
    }
    return folders
  }

  // MARK: Processor time

  /// Processors' worth of time that the tightest group allows; `nil` without a limit.
  package var processors: Double? { folders("cpu").compactMap(Self.quota).min() }

  /// Processors' worth of time that a group allows.
  private static func quota(_ folder: Folder) -> Double? {
    if folder.isVersion2 {
      let parts = (folder.text("cpu.max") ?? "").split(separator: " ")
      guard parts.count == 2, let quota = Double(parts[0]), let period = Double(parts[1]),
        quota > 0, period > 0
      else { return nil }
      return quota / period
    }
    guard let quota = folder.number("cpu.cfs_quota_us"), quota > 0,
      let period = folder.number("cpu.cfs_period_us"), period > 0
    else { return nil }
    return Double(quota) / Double(period)
  }

  /// Reads how long quotas have kept threads waiting.
  package struct ThrottlingMeter: Sendable {
    /// Files, the key of the time, and its unit in seconds.
    fileprivate let counters: [(path: String, key: String, unit: Double)]

    /// Seconds since the groups were made, over all their processes and processors; `nil` without a
    /// quota, or where the kernel does not count.
    package var seconds: Double? {
      let times = counters.compactMap { path, key, unit in
        SystemFile.value(
          of: key, in: SystemFile.beginning(of: path, bytes: 4096), separator: " "
        ).flatMap { Double($0) }.map { $0 * unit }
      }
      return times.isEmpty ? nil : times.reduce(0, +)
    }
  }

  /// Of the groups that have a quota now.
  package var throttling: ThrottlingMeter {
    ThrottlingMeter(
      counters: folders("cpu").filter { Self.quota($0) != nil }.map {
        (
          "\($0.path)/cpu.stat", $0.isVersion2 ? "throttled_usec " : "throttled_time ",
          $0.isVersion2 ? 1e-6 : 1e-9
        )
      })
  }

  // MARK: Memory

  /// Bytes that the tightest group allows; `nil` without a limit.
  package var memoryBytes: Int? {
    let limits = folders("memory").compactMap {
      $0.number($0.isVersion2 ? "memory.max" : "memory.limit_in_bytes")
    }
    // Version 1 spells "no limit" as a number beyond any memory.
    return limits.min().flatMap { $0 < Int(1) << 60 ? $0 : nil }
  }

  /// Limit minus use of each group. Page cache that can be dropped does not count as used.
  package var memoryHeadroom: [Int] {
    folders("memory").compactMap { folder in
      let (limitName, usageName) =
        folder.isVersion2
        ? ("memory.max", "memory.current") : ("memory.limit_in_bytes", "memory.usage_in_bytes")
      guard let limit = folder.number(limitName), let usage = folder.number(usageName) else {
        return nil
      }
      let droppable = SystemFile.value(
        of: "inactive_file ", in: folder.text("memory.stat"), separator: " ")
      return max(0, limit - max(0, usage - (droppable.flatMap { Int($0) } ?? 0)))
    }
  }
}
