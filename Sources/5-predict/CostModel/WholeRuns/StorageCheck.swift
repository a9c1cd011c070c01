import Formats
import Input
import Records

extension Predictor.Settings {
  /// Refuses storage that no engine of such a device serves.
  ///
  /// - Throws: `InputError` that names `dtype` or `cache_dtype`.
  public func check(on profile: DeviceProfile) throws {
    let isGPU = profile.limits.kind == .gpu
    let own = DType.allCases.map(NumberStorage.init)
    for (field, storage, known, what) in [
      ("dtype", weights, isGPU ? NumberStorage.ofGPUWeights : own, "weights"),
      (
        "cache_dtype", cache,
        isGPU ? NumberStorage.ofGPUCaches : DType.ofCaches.map(NumberStorage.init), "a cache"
      ),
    ] where !known.contains(storage) {
      throw InputError(
        field, problem: "\(storage) is no storage of \(what) on \(profile.name)",
        expected: known.map(\.rawValue).joined(separator: ", "))
    }
  }
}
