import Architectures
import CostModel
import Foundation
import Host
import Records

/// This host as a device of the cost model.
enum HostDevice {
  /// Limits: the best that the measurements' own samples saw, so that times restated at them are
  /// about the machine in a good moment.
  static func profile(_ measurements: Measurements) throws -> DeviceProfile {
    let seen = measurements.operators.compactMap(\.limits)
    guard let first = seen.first else {
      throw InputError(
        "--device host", problem: "the files hold no operator rows of this host",
        expected: "rows of dyno bench --operators")
    }
    let limits = seen.reduce(first) { $0.best(with: $1) }
    let topology = try Topology()
    let source = "best of \(seen.count) samples, measured with the rows"
    return DeviceProfile(
      name: DeviceZoo.host,
      limits: DeviceLimits(
        kind: .cpu,
        // Weights of every type meet f32 activations in f32 multiply-adds.
        peakFLOPs: Dictionary(
          uniqueKeysWithValues: DType.allCases.map { ($0, limits.multiplyAddPeak) }),
        memoryBandwidth: limits.readBandwidth,
        memoryCapacity: Double(AvailableMemory.bytes()), units: limits.threads,
        lastLevelCache: Double(topology.lastLevelCacheBytes), linkBandwidth: 0,
        activationBytes: 4, clock: 1e9, sharedMemory: 0),
      sources: [
        "peak_flops": source, "memory_bandwidth": source, "processor": Processor.model,
        "memory_capacity": "available when calibrated", "units": "threads",
        "last_level_cache": "hwloc", "clock": "not used on CPUs",
      ])
  }

  /// Keeps the profile where `--device host` finds it.
  static func store(_ profile: DeviceProfile) throws {
    let file = DeviceZoo.hostFile
    do {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(profile.fileText().utf8).write(to: file, options: .atomic)
    } catch {
      throw HostError("\(file.path): cannot be written: \(error.localizedDescription)")
    }
  }
}
