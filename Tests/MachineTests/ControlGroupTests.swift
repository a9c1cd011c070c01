import Foundation
import Machine
import TestSupport
import Testing

/// Control groups as the kernel shows them, in folders of our own.
@Suite struct ControlGroupTests {
  /// - Parameters:
  ///   - membership: the lines of `/proc/self/cgroup`.
  ///   - files: paths below `/sys/fs/cgroup` and what they hold.
  private func group<Result>(
    _ membership: String, _ files: [String: String], _ body: (ControlGroup, URL) throws -> Result
  ) throws -> Result {
    try Files.withTemporaryFolder { folder in
      let mounts = folder.appendingPathComponent("sys")
      for (path, text) in files {
        let file = mounts.appendingPathComponent(path)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data((text + "\n").utf8).write(to: file)
      }
      let own = folder.appendingPathComponent("cgroup")
      try Data((membership + "\n").utf8).write(to: own)
      return try body(ControlGroup(mounts: mounts.path, membership: own.path), mounts)
    }
  }

  private func processors(_ membership: String, _ files: [String: String]) throws -> Double? {
    try group(membership, files) { group, _ in group.processors }
  }

  @Test func version2() throws {
    #expect(try processors("0::/", ["cpu.max": "150000 100000"]) == 1.5)
    #expect(try processors("0::/", ["cpu.max": "max 100000"]) == nil)
    #expect(try processors("0::/", [:]) == nil)
    #expect(try processors("0::/", ["cpu.max": "0 100000"]) == nil)
    #expect(try processors("0::/", ["cpu.max": "100000 0"]) == nil)
    #expect(try processors("0::/", ["cpu.max": "what"]) == nil)
    #expect(try processors("", [:]) == nil)
  }

  /// The tightest on the way to the root counts, wherever it is.
  @Test func nestedGroups() throws {
    let path = "kubepods.slice/pod.slice/container.scope"
    func tightest(_ quotas: [String]) throws -> Double? {
      let folders = ["kubepods.slice", "kubepods.slice/pod.slice", path]
      return try processors(
        "0::/\(path)",
        Dictionary(uniqueKeysWithValues: zip(folders.map { $0 + "/cpu.max" }, quotas)))
    }
    #expect(try tightest(["max 100000", "200000 100000", "max 100000"]) == 2)
    #expect(try tightest(["400000 100000", "200000 100000", "50000 100000"]) == 0.5)
    #expect(try tightest(["100000 100000", "200000 100000", "300000 100000"]) == 1)
  }

  @Test func version1() throws {
    let files = [
      "cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000",
      "cpu/docker/abc/cpu.cfs_quota_us": "75000", "cpu/docker/abc/cpu.cfs_period_us": "50000",
      "cpu/docker/cpu.cfs_quota_us": "400000", "cpu/docker/cpu.cfs_period_us": "100000",
    ]
    #expect(try processors("4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc", files) == 1.5)
    #expect(try processors("1:cpu:/docker", files) == 4)
    #expect(try processors("1:cpu:/", files) == nil)
    // Another controller whose name begins alike.
    #expect(try processors("1:cpuset:/docker/abc", files) == nil)
    // Within the container: the host's name of the group, and its folder as the root.
    #expect(
      try processors(
        "1:cpu,cpuacct:/docker/abc",
        ["cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"]) == 1)
    // No link for each controller.
    #expect(
      try processors(
        "1:cpu,cpuacct:/a",
        [
          "cpu,cpuacct/a/cpu.cfs_quota_us": "300000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000",
        ]) == 3)
  }

  @Test func threadsUnderAQuota() throws {
    func threads(_ quota: Double?) -> Int { ThreadTeam.defaultCount(cores: 8, quota: quota) }
    #expect(threads(nil) == 8)
    #expect(threads(1) == 1 && threads(0.3) == 1 && threads(1.9) == 1)
    #expect(threads(2) == 2 && threads(2.5) == 2 && threads(16) == 8)
    let topology = try Topology()
    #expect(
      try ThreadTeam(pinned: false, topology: topology).count == ThreadTeam.defaultCount(topology))
  }

  /// What a quota slows down is not what the machine can do.
  @Test func limitsUnderAQuotaAreKeptApart() {
    func file(_ quota: Double?) -> String {
      LimitsCache(
        folder: URL(fileURLWithPath: "/nowhere"), threads: 2, instructionSet: "avx2", quota: quota
      ).file.lastPathComponent
    }
    #expect(file(2) == file(nil) && file(8) == file(nil))
    #expect(Set([file(nil), file(1), file(1.5)]).count == 3)
  }

  @Test func throttledTime() throws {
    try group(
      "0::/a/b",
      [
        "a/cpu.max": "200000 100000", "a/cpu.stat": "usage_usec 5\nthrottled_usec 250000",
        "a/b/cpu.max": "100000 100000",
        "a/b/cpu.stat": "usage_usec 9\nnr_throttled 7\nthrottled_usec 1500000",
        "cpu.stat": "throttled_usec 9000000",
      ]
    ) { group, mounts in
      let meter = group.throttling
      #expect(meter.seconds == 1.75)
      try Data("throttled_usec 2000000\n".utf8).write(
        to: mounts.appendingPathComponent("a/b/cpu.stat"))
      #expect(meter.seconds == 2.25)
    }
    try group(
      "1:cpu:/x",
      [
        "cpu/x/cpu.cfs_quota_us": "50000", "cpu/x/cpu.cfs_period_us": "100000",
        "cpu/x/cpu.stat": "nr_periods 4\nnr_throttled 2\nthrottled_time 125000000",
      ]
    ) { group, _ in
      #expect(group.throttling.seconds == 0.125)
    }
    try group("0::/", ["cpu.max": "max 100000", "cpu.stat": "throttled_usec 5"]) { group, _ in
      #expect(group.throttling.seconds == nil)
    }
  }

  @Test func memory() throws {
    try group(
      "0::/a",
      [
        "memory.max": "1000000", "memory.current": "100000", "memory.stat": "inactive_file 50000",
        "a/memory.max": "max", "a/memory.current": "5",
      ]
    ) { group, _ in
      #expect(group.memoryBytes == 1_000_000)
      #expect(group.memoryHeadroom == [950_000])
    }
    try group("2:memory:/", ["memory/memory.limit_in_bytes": "9223372036854771712"]) { group, _ in
      #expect(group.memoryBytes == nil)
    }
  }
}
