import Input
import Model

/// How devices share a layer: the heads, the MLP's columns and the vocabulary are split (Megatron,
/// arXiv 1909.08053). As engines have it (vLLM's `verify_with_parallel_config` and `QKVParallelLinear`),
/// query heads and the intermediate size divide by the devices, and KV heads divide, or are copied a
/// whole number of times where there are fewer of them.
public enum TensorParallelism {
  public static func divides(
    queryHeads: Int, keyValueHeads: Int, intermediateSize: Int, devices: Int
  ) -> Bool {
    guard devices != 1 else { return true }
    return devices > 0 && queryHeads % devices == 0 && intermediateSize % devices == 0
      && (keyValueHeads % devices == 0 || devices % keyValueHeads == 0)
  }

  static func divides(
    _ layer: Layer, devices: Int, experts: ExpertSharing = ExpertSharing()
  ) -> Bool {
    divides(
      queryHeads: layer.attention?.queryHeads ?? layer.latentAttention?.queryHeads ?? 0,
      keyValueHeads: layer.attention?.keyValueHeads ?? devices,
      intermediateSize: layer.mlp?.intermediateSize ?? 0, devices: devices)
      && devices > 0 && experts.divides(layer, devices: devices)
  }

  static func divides(
    _ architecture: Architecture, devices: Int, experts: ExpertSharing = ExpertSharing()
  ) -> Bool {
    devices == 1 && experts.parts == 1
      || architecture.layers.kinds.allSatisfy { divides($0, devices: devices, experts: experts) }
  }

  /// - Throws: `InputError` that says what does not divide, and which numbers of devices would.
  static func check(
    _ architecture: Architecture, devices: Int, experts: ExpertSharing = ExpertSharing()
  ) throws {
    try experts.check(architecture, devices: devices)
    guard
      let layer = architecture.layers.kinds.first(where: {
        !divides($0, devices: devices, experts: experts)
      })
    else { return }
    let queryHeads = layer.attention?.queryHeads ?? layer.latentAttention?.queryHeads ?? 0
    let keyValueHeads = layer.attention?.keyValueHeads ?? 0
    let intermediateSize = layer.mlp?.intermediateSize ?? 0
    let problem =
      if devices < 1 {
        "is \(devices)"
      } else if queryHeads % devices != 0 {
        "\(queryHeads) query heads of \(architecture.name) do not divide by \(devices)"
      } else if intermediateSize % devices != 0 {
        "the intermediate size \(intermediateSize) of \(architecture.name) does not "
          + "divide by \(devices)"
      } else if let own = layer.experts, !experts.divides(layer, devices: devices) {
        "the intermediate sizes of experts of \(architecture.name), \(own.intermediateSize)"
          + (own.shared.map { " and, shared, \($0.intermediateSize)" } ?? "")
          + ", do not divide by the devices that split them"
      } else {
        "\(keyValueHeads) KV heads of \(architecture.name) neither divide by \(devices) "
          + "nor divide it"
      }
    let possible = (1...64).filter { divides(architecture, devices: $0, experts: experts) }
    throw InputError(
      "tensor_parallel", problem: problem,
      expected: possible.map(String.init).joined(separator: ", "))
  }
}
