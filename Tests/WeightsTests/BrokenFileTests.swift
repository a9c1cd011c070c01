import Foundation
import Input
import Machine
import Model
import Numerics
import TestSupport
import Testing
import Weights

/// Model files come from strangers: whatever is wrong with one, the answer is one line that names it.
@Suite struct BrokenFileTests {
  private let kernels = KernelTable.available[0]

  private func fixture(_ path: String) -> URL { Files.fixtures.appendingPathComponent(path) }

  /// Loads; touches every byte of every matrix, so that one that reaches past its file would crash.
  private func loadAndTouch(_ path: String) throws {
    let weights = try ModelWeights.load(path, kernels: kernels)
    var sum = 0
    for matrix in weights.matrices {
      let bytes = UnsafeRawBufferPointer(start: matrix.base, count: matrix.bytes)
      sum &+= bytes.reduce(0) { $0 &+ Int($1) }
    }
    #expect(sum != 0)
  }

  private func expectRefusal(_ url: URL, _ parts: String...) throws {
    let error = #expect(throws: InputError.self) { try loadAndTouch(url.path) }
    let text = try #require(error).description
    #expect(text.hasPrefix(url.path), "\(text)")
    for part in parts { #expect(text.contains(part), "\(text)") }
  }

  private static let formats = ["gguf/llama-q4_1.gguf", "huggingface/llama-tied/model.safetensors"]

  /// Puts `data` in place of a fixture, beside a copy of its config.
  private func withFile(
    _ data: Data, inPlaceOf path: String, _ body: (URL) throws -> Void
  ) throws {
    try Files.withTemporaryFolder { folder in
      let original = fixture(path)
      let copy = folder.appendingPathComponent(original.lastPathComponent)
      try data.write(to: copy)
      let config = original.deletingLastPathComponent().appendingPathComponent("config.json")
      if FileManager.default.fileExists(atPath: config.path) {
        try FileManager.default.copyItem(
          at: config, to: folder.appendingPathComponent("config.json"))
      }
      try body(copy)
    }
  }

  @Test(arguments: formats)
  func truncatedAnywhere(path: String) throws {
    let data = try Data(contentsOf: fixture(path))
    let size = data.count
    for keep in [1, 3, 7, 8, 20, 100, 500, size / 2, size - 4000, size - 33, size - 1] {
      try withFile(data.prefix(keep), inPlaceOf: path) { try expectRefusal($0) }
    }
    try withFile(data.prefix(size - 1), inPlaceOf: path) {
      try expectRefusal($0, "truncated", "tensor")
    }
    try withFile(Data(), inPlaceOf: path) { try expectRefusal($0, "empty") }
  }

  /// Random damage is either refused or harmless; never a crash.
  @Test(arguments: formats)
  func damagedAnywhere(path: String) throws {
    var random = SeededGenerator(seed: 1)
    let sound = try Data(contentsOf: fixture(path))
    var refused = 0
    for _ in 0..<400 {
      var data = sound
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let position = Int.random(in: 0..<min(data.count, 6000), using: &random)
        data[position] = UInt8.random(in: 0...255, using: &random)
      }
      try withFile(data, inPlaceOf: path) { copy in
        do { try loadAndTouch(copy.path) } catch let error as InputError {
          refused += 1
          #expect(error.description.contains(copy.deletingLastPathComponent().path))
        }
      }
    }
    #expect(refused > 40, "damage goes unnoticed")
  }

  @Test func wrongShapes() throws {
    let folder = fixture("huggingface/llama-tied")
    try Files.withTemporaryFolder { copy in
      for name in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent(name), to: copy.appendingPathComponent(name))
      }
      let config = copy.appendingPathComponent("config.json")
      let text = try String(contentsOf: config, encoding: .utf8)
      try text.replacingOccurrences(of: "\"vocab_size\": 128", with: "\"vocab_size\": 129")
        .write(to: config, atomically: true, encoding: .utf8)
      let error = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      let line = try #require(error).description
      #expect(
        line.contains(
          "tensor model.embed_tokens.weight: has the shape [128, 48]; expected [129, 48]"),
        "\(line)")
    }
  }

  /// Products of sizes leave the range of integers, of types that are read and of those that are not.
  @Test(arguments: [UInt32(0), 26]) func shapesOfNoTensorInAGGUF(type: UInt32) throws {
    let path = "gguf/mixtral.gguf"
    var data = try Data(contentsOf: fixture(path))
    let name = try #require(data.range(of: Data("blk.1.ffn_gate_inp.weight".utf8)))
    // Two dimensions and a type follow the name and their number.
    let sizes = withUnsafeBytes(of: (Int64(1) << 40, Int64(1) << 41, type)) { Data($0.prefix(20)) }
    data.replaceSubrange(name.upperBound + 4..<name.upperBound + 24, with: sizes)
    try withFile(data, inPlaceOf: path) {
      try expectRefusal(
        $0,
        "blk.1.ffn_gate_inp.weight: has the shape [2199023255552, 1099511627776]; expected at most 2^48"
      )
      let path = $0.path
      let error = #expect(throws: InputError.self) { try ModelSubject.resolve(path) }
      #expect("\(error!)".hasPrefix("\(path): tensor blk.1"), "said once: \(error!)")
    }
  }

  @Test(
    arguments: ["BF16", "I64"],
    [
      ("4294967296,4294967296", "has the shape [4294967296, 4294967296]; expected at most 2^48"),
      ("48" + String(repeating: ",1", count: 64), "has 65 dimensions; expected at most 64"),
    ])
  func shapesOfNoTensorInSafetensors(type: String, shape: (sizes: String, fault: String)) throws {
    let path = "huggingface/llama-tied/model.safetensors"
    let data = try Data(contentsOf: fixture(path))
    let length = Int(data.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    let entry = #""model.layers.0.input_layernorm.weight":{"dtype":"#
    let header = String(decoding: data[8..<8 + length], as: UTF8.self)
    let broken = header.replacingOccurrences(
      of: entry + #""BF16","shape":[48]"#,
      with: entry + "\"\(type)\",\"shape\":[\(shape.sizes)]")
    #expect(broken != header)
    let file =
      withUnsafeBytes(of: UInt64(broken.utf8.count)) { Data($0) } + Data(broken.utf8)
      + data[(8 + length)...]
    try withFile(file, inPlaceOf: path) {
      try expectRefusal($0, "input_layernorm.weight: \(shape.fault)")
    }
  }

  @Test func shardsThatAreMissingOrElsewhere() throws {
    let folder = fixture("huggingface/llama-sharded")
    try Files.withTemporaryFolder { copy in
      for name in ["config.json", "model.safetensors.index.json"] {
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent(name), to: copy.appendingPathComponent(name))
      }
      let missing = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      #expect(missing?.description.contains("No such file") == true)
      let index = copy.appendingPathComponent("model.safetensors.index.json")
      try Data(#"{"weight_map": {"lm_head.weight": "../../etc/passwd"}}"#.utf8).write(to: index)
      let escaping = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      #expect(escaping?.description.contains("expected a file name") == true)
    }
  }

  /// What people have in place of a model is told, not what a parser makes of it.
  @Test(arguments: ["gguf/llama-f32.gguf", "huggingface/llama-tied/model.safetensors"])
  func downloadsThatFailed(path: String) throws {
    for (text, expected) in [
      ("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n", "Git LFS pointer"),
      ("<!doctype html><html><head><title>Log in</title></head></html>", "HTML page"),
      ("PK\u{3}\u{4}0123456789", "ZIP archive"),
    ] {
      try withFile(Data(text.utf8), inPlaceOf: path) { try expectRefusal($0, expected) }
    }
    // In a folder the name alone decides, so the content must be looked at there as well.
    try Files.withTemporaryFolder { folder in
      try FileManager.default.copyItem(
        at: fixture("huggingface/llama-tied/config.json"),
        to: folder.appendingPathComponent("config.json"))
      let model = folder.appendingPathComponent("model.safetensors")
      try FileManager.default.copyItem(at: fixture("gguf/llama-f32.gguf"), to: model)
      let error = #expect(throws: InputError.self) { try loadAndTouch(folder.path) }
      #expect(error?.description.contains("is a GGUF model") == true)
    }
  }

  /// Caches of hubs call files by their hashes.
  @Test func contentDecidesWhatAFileIs() throws {
    try Files.withTemporaryFolder { folder in
      let blob = folder.appendingPathComponent("4d7a1f0e")
      try FileManager.default.copyItem(at: fixture("gguf/llama-f32.gguf"), to: blob)
      try loadAndTouch(blob.path)
      try FileManager.default.removeItem(at: blob)
      let checkpoint = fixture("huggingface/llama-tied")
      try FileManager.default.copyItem(
        at: checkpoint.appendingPathComponent("model.safetensors"), to: blob)
      try FileManager.default.copyItem(
        at: checkpoint.appendingPathComponent("config.json"),
        to: folder.appendingPathComponent("config.json"))
      try loadAndTouch(blob.path)
    }
  }

  /// A GGUF of metadata, and of vectors of f32 behind it.
  private func gguf(
    _ pairs: [(key: String, type: UInt32, value: [UInt8])],
    vectors: [(name: String, values: [Float])] = []
  ) -> Data {
    var data = Data("GGUF".utf8)
    func append(_ value: some FixedWidthInteger) {
      withUnsafeBytes(of: value.littleEndian) { data.append(contentsOf: $0) }
    }
    append(UInt32(3))
    append(UInt64(vectors.count))
    append(UInt64(pairs.count))
    for pair in pairs {
      append(UInt64(pair.key.utf8.count))
      data.append(contentsOf: pair.key.utf8)
      append(pair.type)
      data.append(contentsOf: pair.value)
    }
    var offset = 0
    for vector in vectors {
      append(UInt64(vector.name.utf8.count))
      data.append(contentsOf: vector.name.utf8)
      append(UInt32(1))  // dimension
      append(UInt64(vector.values.count))
      append(UInt32(0))  // f32
      append(UInt64(offset))
      offset += (4 * vector.values.count + 31) / 32 * 32
    }
    for vector in vectors {
      data.append(Data(count: (32 - data.count % 32) % 32))
      for value in vector.values { append(value.bitPattern) }
    }
    return data
  }

  /// A wavelength stretched to nothing, or to no number, is none.
  @Test(arguments: [0, -1, Float.nan, Float.infinity])
  func rotaryFactorsThatAreNone(factor: Float) throws {
    for name in ["rope_freqs.weight", "rope_factors_long.weight"] {
      let file = gguf([], vectors: [(name: name, values: [1, 1, factor, 2])])
      try withFile(file, inPlaceOf: "gguf/llama-f32.gguf") {
        try expectRefusal($0, "tensor \(name): holds \(factor); expected positive factors")
      }
    }
  }

  /// A tensor of a GGUF file that nothing uses: here the factors are called otherwise.
  @Test func tensorsOfAGGUFThatNothingUses() throws {
    let path = "gguf/llama-rope-freqs.gguf"
    var data = try Data(contentsOf: fixture(path))
    let name = try #require(data.range(of: Data("rope_freqs.weight".utf8)))
    data.replaceSubrange(name, with: Data("rope_plans.weight".utf8))
    try withFile(data, inPlaceOf: path) {
      try expectRefusal($0, "tensor rope_plans.weight: is not used by a llama model")
    }
  }

  /// A file that is nearly all hole costs nothing to make, and would be walked for minutes.
  @Test func arraysWithoutEnd() throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent("m.gguf")
      let count: [UInt8] = [0, 0, 0, 2, 0, 0, 0, 0]
      try gguf([("x", 9, [0, 0, 0, 0] + count)]).write(to: file)
      try #require(truncate(file.path, 40 << 20) == 0)
      try expectRefusal(file, "is an array of 33554432 elements")
    }
  }

  @Test func aShardAlone() throws {
    let shard = fixture("huggingface/llama-sharded/model-00002-of-00003.safetensors")
    try expectRefusal(shard, "is part 2 of 3 of a checkpoint", "model.safetensors.index.json")
  }

  @Test func splitAndDoubledMetadata() throws {
    let refusals: [(UInt8, String)] = [
      (0, "is part 1 of 2 of a model, but its name does not say so; expected a name that ends in"),
      (1, "is part 2 of 2 of a model that was split; expected the first part"),
    ]
    for (number, text) in refusals {
      let part = gguf([("split.no", 2, [number, 0]), ("split.count", 2, [2, 0])])
      try withFile(part, inPlaceOf: "gguf/llama-f32.gguf") { try expectRefusal($0, text) }
    }
    let doubled = gguf([("llama.block_count", 0, [2]), ("llama.block_count", 0, [3])])
    try withFile(doubled, inPlaceOf: "gguf/llama-f32.gguf") {
      try expectRefusal($0, "metadata llama.block_count: is there twice")
    }
  }

  /// Names like those of parts, but of none: a model's own.
  @Test(arguments: ["m-00001-of-00000", "m-00000-of-00000", "m-00002-of-00001", "m-00000-of-00003"])
  func namesOfNoPart(name: String) throws {
    try Files.withTemporaryFolder { folder in
      let file = folder.appendingPathComponent(name + ".gguf")
      try FileManager.default.copyItem(at: fixture("gguf/llama-f32.gguf"), to: file)
      try loadAndTouch(file.path)
      for path in [file.path, folder.path] {
        let subject = try ModelSubject.resolve(path)
        #expect(subject.architecture.name == name)
        #expect(try ModelWeights.fileBytes(subject.requiredWeights(path)) > 0)
      }
    }
  }

  /// A header that holds a tensor twice means different weights to different readers.
  @Test func doubledTensorsInAHeader() throws {
    let entry = #""x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}"#
    let header = Data("{\(entry), \(entry)}".utf8)
    var data = Data()
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { data.append(contentsOf: $0) }
    data += header + Data(count: 4)
    try withFile(data, inPlaceOf: "huggingface/llama-tied/model.safetensors") {
      try expectRefusal($0, "header: line 1, column", "key \"x\" is there twice")
    }
  }

  @Test func anIndexOfOtherShards() throws {
    let folder = fixture("huggingface/llama-sharded")
    try Files.withTemporaryFolder { copy in
      for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
        try FileManager.default.copyItem(
          at: folder.appendingPathComponent(name), to: copy.appendingPathComponent(name))
      }
      try loadAndTouch(copy.path)
      let index = copy.appendingPathComponent("model.safetensors.index.json")
      let text = try String(contentsOf: index, encoding: .utf8)
      let first = "model-00001-of-00003.safetensors"
      try text.replacing("\"weight_map\": {", with: "\"weight_map\": {\"nobody\": \"\(first)\",")
        .write(to: index, atomically: true, encoding: .utf8)
      let surplus = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      #expect(
        surplus?.description.contains("puts tensor nobody in \(first), which holds") == true,
        "\(surplus?.description ?? "")")
      try FileManager.default.removeItem(at: index)
      #expect(mkfifo(index.path, 0o600) == 0)
      let pipe = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      #expect(pipe?.description.contains("named pipe") == true)
    }
  }

  /// Weights are read where they lie: a file that somebody cuts short meanwhile is a bus error, which
  /// must say what happened.
  @Test func aFileThatIsCutShortWhileItIsRead() async throws {
    let result = await #expect(
      processExitsWith: .exitCode(2), observing: [\.standardErrorContent]
    ) {
      try Files.withTemporaryFolder { folder in
        let file = folder.appendingPathComponent("weights")
        try Data(count: 1 << 20).write(to: file)
        let mapped = try MappedFile(file)
        _ = truncate(file.path, 4096)
        try FileManager.default.removeItem(at: folder)
        print(mapped.bytes[1 << 19])
      }
    }
    let errors = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(errors.contains("weights: was cut short while it was read\n"), "\(errors)")
  }

  /// A safetensors file with one more tensor, whose bytes are those of another one.
  private func adding(_ name: String, to data: Data) -> Data {
    let length = Int(data.prefix(8).withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
    var header = String(decoding: data[8..<8 + length], as: UTF8.self)
    header = String(header[..<header.lastIndex(of: "}")!])
    header += #","\#(name)":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#
    var changed = withUnsafeBytes(of: UInt64(header.utf8.count)) { Data($0) }
    changed += Data(header.utf8) + data[(8 + length)...]
    return changed
  }

  /// What shards hold is of the model, whether their index names it or not.
  @Test func tensorsThatAnIndexLeavesOut() throws {
    let original = fixture("huggingface/llama-sharded")
    func refusal(adding name: String) throws -> String {
      try Files.withTemporaryFolder { folder in
        let copy = folder.appendingPathComponent("model")
        try FileManager.default.copyItem(at: original, to: copy)
        let shard = copy.appendingPathComponent("model-00001-of-00003.safetensors")
        try adding(name, to: Data(contentsOf: shard)).write(to: shard)
        let error = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
        return error?.description ?? ""
      }
    }
    let bias = "model.layers.0.self_attn.q_proj.bias"
    let surplus = try refusal(adding: bias)
    #expect(surplus.contains("tensor \(bias): is not used by a llama model"), "\(surplus)")
    // Which of two is meant, readers disagree on.
    let doubled = try refusal(adding: "lm_head.weight")
    #expect(doubled.contains("tensor lm_head.weight: is in "), "\(doubled)")
    #expect(doubled.contains("as well; expected each tensor in one shard"), "\(doubled)")

    try Files.withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent("model")
      try FileManager.default.copyItem(at: original, to: copy)
      let index = copy.appendingPathComponent("model.safetensors.index.json")
      let text = try String(contentsOf: index, encoding: .utf8)
      let head = #""lm_head.weight": "model-00003-of-00003.safetensors","#
      let rest = text.replacing(head, with: "")
      #expect(rest != text)
      try rest.write(to: index, atomically: true, encoding: .utf8)
      try loadAndTouch(copy.path)
    }
  }

  /// A file whose tensors are not all used is another model than the configuration says; buffers that
  /// are computed anew are no reason to refuse.
  @Test(arguments: [
    ("model.layers.0.self_attn.extra.weight", true), ("model.layers.0.self_attn.q_proj.bias", true),
    ("model.layers.9.mlp.up_proj.weight", true),
    ("model.layers.0.self_attn.rotary_emb.inv_freq", false),
  ])
  func tensorsThatNothingUses(name: String, isRefused: Bool) throws {
    try Files.withTemporaryFolder { folder in
      let fixture = Files.fixtures.appendingPathComponent("huggingface/llama-tied")
      try FileManager.default.copyItem(
        at: fixture.appendingPathComponent("config.json"),
        to: folder.appendingPathComponent("config.json"))
      let data = try Data(contentsOf: fixture.appendingPathComponent("model.safetensors"))
      try adding(name, to: data).write(to: folder.appendingPathComponent("model.safetensors"))
      guard isRefused else {
        _ = try ModelWeights.load(folder.path, kernels: .selected())
        return
      }
      let error = #expect(throws: InputError.self) {
        try ModelWeights.load(folder.path, kernels: .selected())
      }
      #expect(error?.description.contains(name) == true, "\(String(describing: error))")
    }
  }

  @Test func missingTensorsAndForeignFiles() throws {
    try Files.withTemporaryFolder { folder in
      let empty = #expect(throws: InputError.self) { try loadAndTouch(folder.path) }
      #expect(empty?.description.contains("model.safetensors") == true)
      let text = folder.appendingPathComponent("model.gguf")
      try Data("This is no model.".utf8).write(to: text)
      try expectRefusal(text, "GGUF")
      let absent = #expect(throws: InputError.self) { try loadAndTouch("/nowhere/at/all") }
      #expect(absent?.description.contains("/nowhere/at/all: does not exist") == true)
    }
    let path = "huggingface/llama-tied/model.safetensors"
    var data = try Data(contentsOf: fixture(path))
    let name = Data("model.norm.weight".utf8)
    data.replaceSubrange(data.range(of: name)!, with: Data("model.form.weight".utf8))
    try withFile(data, inPlaceOf: path) { copy in
      let error = #expect(throws: InputError.self) { try loadAndTouch(copy.path) }
      #expect(error?.description.contains("tensor model.norm.weight: is missing") == true)
    }
  }
}
