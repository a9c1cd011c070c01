import Architectures
import Foundation
import Host
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
