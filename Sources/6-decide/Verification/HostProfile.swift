import CostModel
import Foundation
import Harness
import Machine
import Records

/// The profile of the machine that a closed loop measures on.
public enum HostProfile {
  /// The calibrated profile where there is one, else nominal coefficients at this machine's measured
  /// limits: ratios measured in the loop soon say more than either.
  ///
  /// - Returns: the profile, and whether it is nominal.
  public static func calibratedOrNominal(
    threads: Int?, report: (String) -> Void
  ) throws -> (profile: DeviceProfile, isNominal: Bool) {
    guard !FileManager.default.fileExists(atPath: DeviceZoo.hostFile.path) else {
      return (try DeviceZoo.resolve(DeviceZoo.host), false)
    }
    let topology = try Topology()
    let team = try ThreadTeam(count: threads, topology: topology)
    let kernels = try KernelTable.selected()
    let cache = LimitsCache(threads: team.count, instructionSet: kernels.name)
    let limits: MachineLimits
    if let known = cache.load() {
      limits = known
    } else {
      report("measuring the machine's limits")
      let meter = try LimitsMeter(team: team, kernels: kernels, topology: topology)
      for _ in 0..<samples { meter.sample() }
      limits = meter.limits
    }
    return (
      try DeviceProfile.host(
        named: DeviceZoo.host, limits: limits, source: "best of \(limits.samples) samples"), true
    )
  }

  private static let samples = 10
}
