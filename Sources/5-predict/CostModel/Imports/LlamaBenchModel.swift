import Formats
import Input
import Model
import Records

/// What a record of `llama-bench` says of its model and of where it ran. It names neither the
/// architecture nor the device in a way that could be computed with, but enough to notice others.
struct LlamaBenchModel {
  private let fields: JSONObject

  init(_ fields: JSONObject) { self.fields = fields }

  /// llama.cpp's names of file types whose tensors Dyno can price.
  ///
  /// Files of K-quants are mixes: their names end otherwise ("Q4_K - Medium").
  private static let storage: [String: NumberStorage] = {
    var storage: [String: NumberStorage] = ["all F32": .f32]
    for dtype in DType.allCases { storage[dtype.format.ggufName] = NumberStorage(dtype) }
    return storage
  }()

  /// Storage of the weights: what `model_type` ends with (`llama 8B Q4_K - Medium`), checked
  /// against what the user says; the user's word where the record has none.
  func weights(_ facts: RunFacts) throws -> NumberStorage {
    // Family, size, file type.
    let words = (try fields.string("model_type") ?? "")
      .split(separator: " ", maxSplits: 2, omittingEmptySubsequences: true)
    guard words.count == 3 else {
      return try facts.required(facts.dtype, "dtype", "storage of weights")
    }
    var name = String(words[2])
    for suffix in [" (guessed)"] where name.hasSuffix(suffix) { name.removeLast(suffix.count) }
    for prefix in ["mostly "] where name.hasPrefix(prefix) { name.removeFirst(prefix.count) }
    guard let dtype = Self.storage[name] else {
      throw InputError(
        "model_type", problem: "weights are stored as \(name.prefix(40)), which is not modelled",
        expected: "one of "
          + Set(Self.storage.values).map(\.rawValue).sorted()
          .joined(separator: ", "))
    }
    guard facts.dtype == nil || facts.dtype == dtype else {
      throw InputError(
        "model_type", problem: "weights are stored as \(name.prefix(40))",
        expected: "\(facts.dtype?.rawValue ?? ""), as given")
    }
    return dtype
  }

  /// Refuses a record whose parameters are not those of `architecture`. A tied head may be counted
  /// once or twice.
  func requireParameters(of architecture: Architecture) throws {
    guard fields["model_n_params"] != nil else { return }
    let count = try fields.count("model_n_params", in: 1...WholeRun.mostPairs)
    let counts = architecture.parameters
    let tied = Double(counts.total - counts.head)
    let expected = [Double(counts.total), tied + Double(counts.embedding)]
    guard expected.contains(where: { abs(Double(count) / $0 - 1) <= 0.01 }) else {
      throw InputError(
        "model_n_params", problem: "is \(count)",
        expected: "\(counts.total), as the given \(architecture.name) has")
    }
  }

  /// Refuses a record of another kind of device than the one that is calibrated, and one of several
  /// devices at once.
  func requireDevice(_ kind: DeviceLimits.Kind?, layers: Int) throws {
    let offloaded = try fields.int("n_gpu_layers")
    let usesGPU = try usesGPU(offloaded)
    if let usesGPU, let kind, usesGPU != (kind == .gpu) {
      throw InputError(
        offloaded == 0 ? "n_gpu_layers" : "backends",
        problem: "the run is of a \(usesGPU ? "GPU" : "CPU")",
        expected: "a run of a \(usesGPU ? "CPU" : "GPU"), as the given device is")
    }
    if let offloaded, (1..<layers).contains(offloaded) {
      throw InputError(
        "n_gpu_layers", problem: "is \(offloaded) of \(layers): the run is of a CPU and a GPU",
        expected: "one device")
    }
    if usesGPU ?? (kind == .gpu) { try requireNothingOnCPU() }
    let devices = (try fields.string("gpu_info") ?? "").split(separator: ",").count
    if offloaded != 0, devices > 1, try fields.string("split_mode") != "none" {
      throw InputError(
        "gpu_info", problem: "the run is of \(devices) GPUs, layer after layer",
        expected: "one device")
    }
  }

  /// Refuses a run of a GPU that left the cache, or weights, to the CPU.
  private func requireNothingOnCPU() throws {
    if try fields.bool("no_kv_offload") == true {
      throw InputError(
        "no_kv_offload", problem: "is true: the CPU computed with the cache",
        expected: "a run of the GPU alone")
    }
    let experts = try fields.int("n_cpu_moe") ?? 0
    guard experts == 0 else {
      throw InputError(
        "n_cpu_moe", problem: "is \(experts): the CPU computed with these layers' experts",
        expected: "0, a run of the GPU alone")
    }
    let overrides = try fields.string("tensor_buft_overrides") ?? ""
    guard ["", "none"].contains(overrides) else {
      throw InputError(
        "tensor_buft_overrides",
        problem: "is \"\(overrides.prefix(40))\": weights may lie elsewhere than on the GPU",
        expected: "none")
    }
  }

  /// `nil` where the record does not say.
  private func usesGPU(_ offloaded: Int?) throws -> Bool? {
    if offloaded == 0 { return false }
    if let backends = try fields.string("backends") {
      let onCPU: Set<String> = ["CPU", "BLAS", "RPC", ""]
      return backends.split(separator: ",").contains {
        !onCPU.contains($0.trimmingPrefix(while: \.isWhitespace).description)
      }
    }
    // Before it had `backends`, it had a flag for each.
    let flags = try ["cuda", "vulkan", "kompute", "metal", "sycl", "opencl", "gpu_blas"]
      .compactMap { try fields.bool($0) }
    return flags.isEmpty ? nil : flags.contains(true)
  }
}
