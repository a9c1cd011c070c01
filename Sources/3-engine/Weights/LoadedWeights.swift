import Foundation
import Input
import Machine
import Model

extension ModelWeights {
  /// Opens a model: a GGUF file, a checkpoint's folder (`config.json` and safetensors), or a
  /// `.safetensors` file beside its `config.json`. Matrices stay where they are in the mapped files.
  public static func load(_ path: String, kernels: KernelTable) throws -> ModelWeights {
    let url = URL(fileURLWithPath: path)
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw InputError(
        path, problem: "does not exist",
        expected: "a GGUF file, a safetensors file or a checkpoint's folder")
    }
    if isFolder.boolValue {
      return try loadCheckpoint(
        Safetensors.tensors(inFolder: url), config: url.appendingPathComponent("config.json"),
        source: path, kernels)
    }
    let file = try MappedFile(url)
    if try ModelFileKind(of: file) == .safetensors {
      return try loadCheckpoint(
        Safetensors.tensors(ofWhole: file),
        config: url.deletingLastPathComponent().appendingPathComponent("config.json"), source: path,
        kernels)
    }
    return try loadGGUF(file, kernels)
  }

  /// Bytes of the files that `load` would open, and of what it expands: at least what the weights take.
  public static func fileBytes(_ path: String) throws -> Int {
    func size(_ path: String) -> Int {
      ((try? FileManager.default.attributesOfItem(atPath: path))?[.size] as? Int) ?? 0
    }
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else { return 0 }
    var files = GGUFParts.paths(path)
    // Folders may hold the same weights a second time, in files that nothing names.
    if isFolder.boolValue { files = try Safetensors.files(inFolder: URL(fileURLWithPath: path)) }
    return try files.reduce(0) { sum, file in
      guard file.hasSuffix(".safetensors"), size(file) > 0 else { return sum + size(file) }
      let tensors = try Safetensors.tensors(of: MappedFile(URL(fileURLWithPath: file)))
      return sum + size(file) + FP8.expansionBytes(tensors)
    }
  }

  private static func loadCheckpoint(
    _ tensors: [String: StoredTensor], config: URL, source: String, _ kernels: KernelTable
  ) throws -> ModelWeights {
    var architecture = try Architecture(configAt: config)
    let tensors = try FP8.expanded(tensors, config: config, kernels)
    let names = try Families.named(architecture.modelType).tensors
      .asNamed(in: tensors.keys, architecture)
    // A stored head counts, whatever the configuration says, unless it is the embedding again.
    if architecture.tiedEmbeddings, try storesOwnHead(architecture, tensors, names) {
      architecture.tiedEmbeddings = false
    }
    return try assemble(architecture, tensors, names, source, kernels)
  }

  private static func storesOwnHead(
    _ architecture: Architecture, _ tensors: [String: StoredTensor], _ names: TensorNames
  ) throws -> Bool {
    func tensor(_ role: WeightRole) -> StoredTensor? {
      let spec = WeightSpec(
        role: role, form: .matrix(columns: architecture.hiddenSize),
        rows: architecture.vocabularySize)
      return names.source(spec, nil, architecture).names.first.flatMap { tensors[$0] }
    }
    guard let head = tensor(.head), let embedding = tensor(.embedding), let dtype = head.dtype,
      head.shape == embedding.shape
    else { return tensor(.head) != nil }
    return embedding.dtype != dtype
      || memcmp(head.base, embedding.base, dtype.bytes(head.elements)) != 0
  }

  private static func loadGGUF(_ file: MappedFile, _ kernels: KernelTable) throws -> ModelWeights {
    let gguf = try GGUF(file)
    let (architecture, names) = try within(gguf.path) { try gguf.model(kernels) }
    return try assemble(architecture, gguf.tensors, names, gguf.path, kernels)
  }

  private static func assemble(
    _ architecture: Architecture, _ tensors: [String: StoredTensor], _ names: TensorNames,
    _ source: String, _ kernels: KernelTable
  ) throws -> ModelWeights {
    let collection = TensorCollection(
      tensors, architecture, names, source: source, kernels: kernels)
    let weights = try ModelWeights(architecture, from: collection)
    try collection.refuseSurplus()
    return weights
  }
}
