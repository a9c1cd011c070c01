import Architectures

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

  static func divides(_ architecture: Architecture, devices: Int) -> Bool {
    divides(
      queryHeads: architecture.queryHeads, keyValueHeads: architecture.keyValueHeads,
      intermediateSize: architecture.intermediateSize, devices: devices)
  }

  /// KV heads of each device: whole ones, copied where there are fewer of them than devices.
  static func keyValueHeads(_ architecture: Architecture, devices: Int) -> Int {
    (architecture.keyValueHeads + devices - 1) / devices
  }

  /// - Throws: `InputError` that says what does not divide, and which numbers of devices would.
  static func check(_ architecture: Architecture, devices: Int) throws {
    guard !divides(architecture, devices: devices) else { return }
    let problem =
      if devices < 1 {
        "is \(devices)"
      } else if architecture.queryHeads % devices != 0 {
        "\(architecture.queryHeads) query heads of \(architecture.name) do not divide by \(devices)"
      } else if architecture.intermediateSize % devices != 0 {
        "the intermediate size \(architecture.intermediateSize) of \(architecture.name) does not "
          + "divide by \(devices)"
      } else {
        "\(architecture.keyValueHeads) KV heads of \(architecture.name) neither divide by \(devices) "
          + "nor divide it"
      }
    let possible = (1...64).filter { divides(architecture, devices: $0) }
    throw InputError(
      "--tensor-parallel", problem: problem,
      expected: possible.map(String.init).joined(separator: ", "))
  }
}
