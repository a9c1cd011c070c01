import Formats
import Machine
import Records

extension DeviceProfile {
  /// This machine as a device of the cost model, without any coefficient fitted.
  ///
  /// - Parameters:
  ///   - limits: measured here.
  ///   - source: how, in words.
  public static func host(
    named name: String, limits: MachineLimits, source: String
  ) throws -> DeviceProfile {
    let topology = try Topology()
    return DeviceProfile(
      name: name,
      limits: DeviceLimits(
        kind: .cpu,
        // Block formats are multiplied in integers, all others in f32.
        peakFLOPs: Dictionary(
          uniqueKeysWithValues: DType.allCases.map { ($0, limits.peak(of: $0)) }),
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
}
