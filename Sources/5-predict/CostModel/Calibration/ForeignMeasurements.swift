import Input
import Model
import Records

extension DeviceProfile {
  /// Refuses measurements that another device made.
  ///
  /// - Throws: `InputError` that names the first of them.
  func refuseForeign(_ measurements: Measurements) throws {
    try refuseOtherKinds(measurements)
    try refuseOtherGPUs(measurements)
  }

  /// A CPU's timings say nothing of a GPU's coefficients, and the other way around: a file that holds
  /// any was meant for another device.
  private func refuseOtherKinds(_ measurements: Measurements) throws {
    let kind = limits.kind
    func refuse(_ origin: String, _ run: String, _ engine: String) -> InputError {
      let other: DeviceLimits.Kind = kind == .cpu ? .gpu : .cpu
      let error = InputError(
        origin,
        problem: "is of \(engine) on a \(other.rawValue.uppercased()), and \(name) is a "
          + kind.rawValue.uppercased(), expected: "measurements of that device")
      return run.isEmpty || origin.hasPrefix(run) ? error : error.within(run)
    }
    for timing in measurements.operators {
      // Kernel tables of others are GPUs'; Dyno traces its own operators.
      let isOfCPU = timing.engine == ServingEngine.dyno.name || timing.limits != nil
      guard isOfCPU == (kind == .cpu) else {
        throw refuse(timing.origin, timing.run, timing.engine)
      }
    }
    for run in measurements.runs {
      let engine = ServingEngine.all.first { $0.name == run.engine }
      guard engine?.runs(on: kind) ?? true else { throw refuse(run.origin, run.run, run.engine) }
    }
  }

  /// A published table often has several GPUs: fitted together, they would make one that nobody has.
  private func refuseOtherGPUs(_ measurements: Measurements) throws {
    guard limits.kind == .gpu else { return }
    let rows =
      measurements.operators.map { ($0.device, $0.origin) }
      + measurements.collectives.map { ($0.device, $0.origin) }
      + measurements.runs.map { ($0.device, $0.origin) }
    // A profile may be called anything: only the names of known devices say which one it is.
    let known = Set(try DeviceZoo.names().compactMap(DeviceName.model))
    let own =
      DeviceName.model(name).flatMap { known.contains($0) ? $0 : nil }
      ?? rows.lazy.compactMap { DeviceName.model($0.0) }.first
    for (other, origin) in rows {
      guard let model = DeviceName.model(other), model != own else { continue }
      throw InputError(
        origin, problem: "was measured on \"\(other.prefix(60))\"",
        expected: "rows of \(name) alone: only, to keep those of one device")
    }
  }
}
