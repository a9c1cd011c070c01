import Architectures
import Foundation
import Host

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
        Safetensors.tensors(inFolder: url), config: url, source: path, kernels)
    }
    let file = try MappedFile(url)
    // Caches call files by their hashes: what a file holds says what it is.
    if try ModelFileKind(of: file) == .safetensors {
      return try loadCheckpoint(
        Safetensors.tensors(ofWhole: file),
        config: url.deletingLastPathComponent().appendingPathComponent("config.json"), source: path,
        kernels)
    }
    return try loadGGUF(file, kernels)
  }

  /// How a file format calls a model's tensors.
  private struct Names: Sendable {
    let embedding, finalNorm, head: String
    let layer: @Sendable (Int) -> String
    let attentionNorm, query, key, value, queryNorm, keyNorm, output: String
    let mlpNorm, gate, up, down: String

    static let huggingFace = Names(
      embedding: "model.embed_tokens", finalNorm: "model.norm", head: "lm_head",
      layer: { "model.layers.\($0)." }, attentionNorm: "input_layernorm",
      query: "self_attn.q_proj", key: "self_attn.k_proj", value: "self_attn.v_proj",
      queryNorm: "self_attn.q_norm", keyNorm: "self_attn.k_norm", output: "self_attn.o_proj",
      mlpNorm: "post_attention_layernorm", gate: "mlp.gate_proj", up: "mlp.up_proj",
      down: "mlp.down_proj")

    static let gguf = Names(
      embedding: "token_embd", finalNorm: "output_norm", head: "output", layer: { "blk.\($0)." },
      attentionNorm: "attn_norm", query: "attn_q", key: "attn_k", value: "attn_v",
      queryNorm: "attn_q_norm", keyNorm: "attn_k_norm", output: "attn_output", mlpNorm: "ffn_norm",
      gate: "ffn_gate", up: "ffn_up", down: "ffn_down")
  }

  private static func loadCheckpoint(
    _ tensors: [String: StoredTensor], config: URL, source: String, _ kernels: KernelTable
  ) throws -> ModelWeights {
    let architecture = try Architecture(configAt: config)
    return try assemble(
      architecture, TensorCollection(tensors: tensors, kernels: kernels, source: source),
      .huggingFace)
  }

  private static func loadGGUF(_ file: MappedFile, _ kernels: KernelTable) throws -> ModelWeights {
    let gguf = try GGUF(file)
    let collection = TensorCollection(tensors: gguf.tensors, kernels: kernels, source: gguf.path)
    var weights = try assemble(Architecture(gguf: gguf), collection, .gguf)
    // LLaMA's converter reorders query and key rows so that rotated pairs are neighbours.
    weights.interleavedRotary = weights.architecture.family == .llama
    if collection.contains("rope_freqs.weight") {
      let factors = try collection.vector(
        "rope_freqs.weight", count: weights.architecture.headDimension / 2)
      for pair in 0..<factors.count {
        weights.inverseFrequencies[pair] /= Double(factors.base[pair])
      }
    }
    return weights
  }

  private static func assemble(
    _ a: Architecture, _ tensors: TensorCollection, _ names: Names
  ) throws -> ModelWeights {
    func matrix(_ name: String, _ rows: Int, _ columns: Int) throws -> Matrix {
      try tensors.matrix(name + ".weight", rows: rows, columns: columns)
    }
    func norm(_ name: String, _ count: Int) throws -> FloatBuffer {
      try tensors.vector(name + ".weight", count: count)
    }
    func joinedBias(_ parts: [(name: String, count: Int)]) throws -> FloatBuffer {
      let joined = try FloatBuffer(count: parts.reduce(0) { $0 + $1.count })
      var start = 0
      for part in parts {
        let values = try tensors.vector(part.name + ".bias", count: part.count)
        (joined.base + start).update(from: values.base, count: part.count)
        start += part.count
      }
      return joined
    }

    let embedding = try matrix(names.embedding, a.vocabularySize, a.hiddenSize)
    let layers = try (0..<a.layers).map { index in
      let prefix = names.layer(index)
      let qkv = [
        (name: prefix + names.query, count: a.queryWidth),
        (name: prefix + names.key, count: a.keyValueWidth),
        (name: prefix + names.value, count: a.keyValueWidth),
      ]
      return Layer(
        attentionNorm: try norm(prefix + names.attentionNorm, a.hiddenSize),
        qkv: Linear(
          try qkv.map { try matrix($0.name, $0.count, a.hiddenSize) },
          bias: a.qkvBias ? try joinedBias(qkv) : nil),
        queryNorm: a.qkNorm ? try norm(prefix + names.queryNorm, a.headDimension) : nil,
        keyNorm: a.qkNorm ? try norm(prefix + names.keyNorm, a.headDimension) : nil,
        output: Linear(
          [try matrix(prefix + names.output, a.hiddenSize, a.queryWidth)],
          bias: a.outputBias ? try joinedBias([(prefix + names.output, a.hiddenSize)]) : nil),
        mlpNorm: try norm(prefix + names.mlpNorm, a.hiddenSize),
        gateUp: Linear([
          try matrix(prefix + names.gate, a.intermediateSize, a.hiddenSize),
          try matrix(prefix + names.up, a.intermediateSize, a.hiddenSize),
        ]),
        down: Linear([try matrix(prefix + names.down, a.hiddenSize, a.intermediateSize)]))
    }
    let head = a.tiedEmbeddings ? embedding : try matrix(names.head, a.vocabularySize, a.hiddenSize)
    return ModelWeights(
      architecture: a, embedding: embedding, layers: layers,
      finalNorm: try norm(names.finalNorm, a.hiddenSize), head: Linear([head]),
      inverseFrequencies: a.rotary.inverseFrequencies(headDimension: a.headDimension),
      interleavedRotary: false)
  }
}

extension Architecture {
  /// The architecture that a GGUF file's metadata describes.
  init(gguf: GGUF) throws {
    let kind = try gguf.required(gguf.string("general.architecture"), "general.architecture")
    let families: [String: Family] = ["llama": .llama, "qwen2": .qwen2, "qwen3": .qwen3]
    guard let family = families[kind] else {
      throw InputError(
        gguf.path, "general.architecture", problem: "\"\(kind.prefix(60))\" is not supported",
        expected: "one of " + families.keys.sorted().joined(separator: ", "))
    }
    func size(_ key: String) throws -> Int {
      try gguf.required(gguf.integer("\(kind).\(key)"), "\(kind).\(key)")
    }
    if let experts = try gguf.integer("\(kind).expert_count"), experts > 0 {
      throw InputError(
        gguf.path, "\(kind).expert_count", problem: "mixtures of experts are not supported",
        expected: "a dense model")
    }
    if let scaling = try gguf.string("\(kind).rope.scaling.type"), scaling != "none" {
      throw InputError(
        gguf.path, "\(kind).rope.scaling.type", problem: "\"\(scaling)\" is not supported",
        expected: "none, or factors in rope_freqs.weight")
    }
    guard let embedding = gguf.tensors["token_embd.weight"], let vocabulary = embedding.shape.first
    else {
      throw InputError(gguf.path, "tensor token_embd.weight", problem: "is missing")
    }
    let hiddenSize = try size("embedding_length")
    let queryHeads = try size("attention.head_count")
    guard queryHeads > 0 else {
      throw InputError(
        gguf.path, "\(kind).attention.head_count", problem: "is \(queryHeads)",
        expected: "1 or more")
    }
    let headDimension =
      try gguf.integer("\(kind).attention.key_length") ?? hiddenSize / queryHeads
    if let rotated = try gguf.integer("\(kind).rope.dimension_count"), rotated != headDimension {
      throw InputError(
        gguf.path, "\(kind).rope.dimension_count", problem: "is \(rotated)",
        expected: "the head dimension \(headDimension)")
    }
    self = try within(gguf.path) {
      try Architecture(
        name: URL(fileURLWithPath: gguf.path).deletingPathExtension().lastPathComponent,
        family: family, hiddenSize: hiddenSize,
        intermediateSize: try size("feed_forward_length"), layers: try size("block_count"),
        queryHeads: queryHeads,
        keyValueHeads: try gguf.integer("\(kind).attention.head_count_kv") ?? queryHeads,
        headDimension: headDimension, vocabularySize: vocabulary,
        maxPositions: try gguf.integer("\(kind).context_length") ?? 2048,
        rmsNormEpsilon: try gguf.required(
          gguf.number("\(kind).attention.layer_norm_rms_epsilon"),
          "\(kind).attention.layer_norm_rms_epsilon"),
        rotary: RotaryEmbedding(theta: try gguf.number("\(kind).rope.freq_base") ?? 10_000),
        tiedEmbeddings: gguf.tensors["output.weight"] == nil,
        qkvBias: gguf.tensors["blk.0.attn_q.bias"] != nil,
        outputBias: gguf.tensors["blk.0.attn_output.bias"] != nil, qkNorm: family == .qwen3,
        slidingWindow: try gguf.integer("\(kind).attention.sliding_window")
      ).validated()
    }
  }
}
