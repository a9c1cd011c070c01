import Input
import Model

/// How devices share a layer: the heads, the MLP's columns and the vocabulary are split (Megatron,
/// arXiv 1909.08053). As engines have it (vLLM's `verify_with_parallel_config` and `QKVParallelLinear`),
/// query heads and the intermediate size divide by the devices, and KV heads divide, or are copied a
/// whole number of times where there are fewer of them. What is split along quantised rows (a device's
/// columns of the MLP, of experts, of the heads' outputs) holds whole groups that share a scale, where the
/// engine asks for that (`ServingEngine.cutsWholeGroups`).
public enum TensorParallelism {
  public static func divides(
    queryHeads: Int, keyValueHeads: Int, intermediateSize: Int, devices: Int
  ) -> Bool {
    guard devices != 1 else { return true }
    return devices > 0 && queryHeads % devices == 0 && intermediateSize % devices == 0
      && (keyValueHeads % devices == 0 || devices % keyValueHeads == 0)
  }

  static func divides(
    _ layer: Layer, devices: Int, experts: ExpertSharing = ExpertSharing(), group: Int = 1
  ) -> Bool {
    divides(
      queryHeads: layer.attention?.queryHeads ?? layer.latentAttention?.queryHeads ?? 0,
      keyValueHeads: layer.attention?.keyValueHeads ?? devices,
      intermediateSize: layer.mlp?.intermediateSize ?? 0, devices: devices)
      && devices > 0 && experts.divides(layer, devices: devices)
      && brokenWidth(layer, devices: devices, experts: experts, group: group) == nil
  }

  /// A device's part of something that is cut within a group.
  private static func brokenWidth(
    _ layer: Layer, devices: Int, experts: ExpertSharing, group: Int
  ) -> Int? {
    guard group > 1, devices > 1 else { return nil }
    let splits = devices / experts.parts
    let widths = [
      layer.mlp.map { $0.intermediateSize / devices },
      layer.attention.map { $0.queryWidth / devices },
      layer.experts?.shared.map { $0.intermediateSize / devices },
      splits > 1 ? layer.experts.map { $0.intermediateSize / splits } : nil,
    ]
    return widths.lazy.compactMap { $0 }.first { $0 % group != 0 }
  }

  static func divides(
    _ architecture: Architecture, devices: Int, experts: ExpertSharing = ExpertSharing(),
    group: Int = 1
  ) -> Bool {
    devices == 1 && experts.parts == 1
      || architecture.layers.kinds.allSatisfy {
        divides($0, devices: devices, experts: experts, group: group)
      }
  }

  /// - Throws: `InputError` that says what does not divide, and which numbers of devices would.
  static func check(
    _ architecture: Architecture, devices: Int, experts: ExpertSharing = ExpertSharing(),
    group: Int = 1
  ) throws {
    try experts.check(architecture, devices: devices)
    guard
      let layer = architecture.layers.kinds.first(where: {
        !divides($0, devices: devices, experts: experts, group: group)
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
      } else if let width = brokenWidth(layer, devices: devices, experts: experts, group: group) {
        "a device's \(width) columns of \(architecture.name) cut a group of \(group) weights that "
          + "share a scale"
      } else {
        "\(keyValueHeads) KV heads of \(architecture.name) neither divide by \(devices) "
          + "nor divide it"
      }
    let possible = (1...64).filter {
      divides(architecture, devices: $0, experts: experts, group: group)
    }
    throw InputError(
      "tensor_parallel", problem: problem,
      expected: possible.map(String.init).joined(separator: ", "))
  }
}
