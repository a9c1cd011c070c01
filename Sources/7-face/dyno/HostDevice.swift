import CostModel
import Foundation
import Harness
import Input
import Machine
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
    return try DeviceProfile.host(
      named: DeviceZoo.host, limits: limits,
      source: "best of \(seen.count) samples, measured with the rows")
  }

  /// - Throws: `InputError` where a row is of another processor than this machine's.
  static func refuseOthers(_ measurements: Measurements) throws {
    let rows =
      measurements.operators.map { ($0.device, $0.run.isEmpty ? $0.origin : $0.run) }
      + measurements.runs.map { ($0.device, $0.origin) }
    for (device, place) in rows where !device.isEmpty && device != Processor.model {
      throw InputError(
        place, problem: "was measured on \(device)",
        expected: "rows of this machine's \(Processor.model)")
    }
  }

  /// Makes sure that a profile can be kept, before the work rather than after it.
  static func prepare() throws {
    try OutputFile.prepareFolder(DeviceZoo.hostFile.deletingLastPathComponent().path)
    try requireWritable(DeviceZoo.hostFile.path)
  }

  /// Keeps the profile where `--device host` finds it.
  static func store(_ profile: DeviceProfile) throws {
    try prepare()
    try OutputFile.write(profile.fileText(), to: DeviceZoo.hostFile.path)
  }
}
