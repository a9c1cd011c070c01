import Formats
import Foundation
import Input
import Machine
import Model
import TestSupport
import Testing
import Weights

/// Files of every format, against what gguf-py and ml_dtypes make of them
/// (`Tests/Fixtures/formats/make_fixtures.py`).
@Suite struct StoredFormatTests {
  private let kernels = KernelTable.available[0]

  private func fixture(_ name: String) -> URL {
    Files.fixtures.appendingPathComponent("formats/\(name)")
  }

  /// The sum, and the sum weighted by 1 to 97 in turn.
  private func sums(_ matrix: Matrix) -> [Double] {
    var row = [Float](repeating: 0, count: matrix.columns)
    var (sum, weighted) = (0.0, 0.0)
    for index in 0..<matrix.rows {
      matrix.expand(row: index, kernels, into: &row)
      for (column, value) in row.enumerated() {
        sum += Double(value)
        weighted += Double(value) * Double((index * matrix.columns + column) % 97 + 1)
      }
    }
    return [sum, weighted]
  }

  private func expectSums(_ matrix: Matrix, _ expected: [Double], _ name: String) {
    for (actual, expected) in zip(sums(matrix), expected) {
      #expect(abs(actual - expected) <= 1e-6 * max(1, abs(expected)), "\(name)")
    }
  }

  private struct Tensor: Decodable {
    var type: DType
    var sums: [Double]
  }

  private static let parts = (1...3).map { "mixed-0000\($0)-of-00003.gguf" }

  /// Formats of all kinds in one model, in three files.
  @Test func mixedAndSplit() throws {
    let weights = try ModelWeights.load(fixture(Self.parts[0]).path, kernels: kernels)
    let expected = try JSONDecoder().decode(
      [String: Tensor].self, from: Data(contentsOf: fixture("mixed.json")))
    let inLayer = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
    let names =
      ["token_embd.weight", "output.weight"]
      + (0..<2).flatMap { layer in inLayer.map { "blk.\(layer).\($0).weight" } }
    #expect(weights.matrices.count == names.count)
    #expect(Set(weights.matrices.map(\.dtype)).count == 15)
    for (name, matrix) in zip(names, weights.matrices) {
      let tensor = try #require(expected[name])
      #expect(matrix.dtype == tensor.type, "\(name)")
      expectSums(matrix, tensor.sums, name)
    }
    let subject = try ModelSubject.resolve(fixture(Self.parts[0]).path)
    #expect(subject.architecture.name == "mixed")
    let bytes = try ModelWeights.fileBytes(fixture(Self.parts[0]).path)
    #expect((weights.matrixBytes..<weights.matrixBytes + 64 << 10).contains(bytes))
  }

  private func refusal(_ path: String) throws -> String {
    try #require(
      #expect(throws: InputError.self) { try ModelWeights.load(path, kernels: kernels) }
    ).description
  }

  @Test func partsMustBeWholeAndInOrder() throws {
    #expect(
      try refusal(fixture(Self.parts[1]).path).contains(
        "is part 2 of 3 of a model that was split; expected the first part, "
          + fixture(Self.parts[0]).path))
    try Files.withTemporaryFolder { folder in
      func copy(_ part: Int, as name: Int) throws {
        let target = folder.appendingPathComponent(Self.parts[name])
        try? FileManager.default.removeItem(at: target)
        try FileManager.default.copyItem(at: fixture(Self.parts[part]), to: target)
      }
      let first = folder.appendingPathComponent(Self.parts[0]).path
      try copy(0, as: 0)
      try copy(1, as: 1)
      let missing = try refusal(first)
      #expect(
        missing.contains(Self.parts[2] + ": is missing: part 3 of 3 of a model"), "\(missing)")
      try copy(1, as: 2)
      let repeated = try refusal(first)
      #expect(
        repeated.contains("is part 2 of 3 of a model that was split; expected part 3"),
        "\(repeated)")
      try copy(2, as: 2)
      #expect(try ModelSubject.resolve(folder.path).weights == first)
      _ = try ModelWeights.load(first, kernels: kernels)
    }
  }

  /// A tensor's type is named where it is not read: here the number of the first is changed.
  @Test(arguments: [(UInt32(34), "TQ1_0"), (16, "IQ2_XXS"), (15, "Q8_K"), (99, "number 99")])
  func typesThatAreNotRead(number: UInt32, name: String) throws {
    var data = try Data(contentsOf: Files.fixtures.appendingPathComponent("gguf/llama-q4_0.gguf"))
    let tensor = try #require(data.range(of: Data("token_embd.weight".utf8), options: .backwards))
    // After the name: the rank and two dimensions.
    let place = tensor.upperBound + 4 + 16
    withUnsafeBytes(of: number.littleEndian) { data.replaceSubrange(place..<place + 4, with: $0) }
    try Files.withTemporaryFolder { folder in
      let path = folder.appendingPathComponent("model.gguf")
      try data.write(to: path)
      let text = try refusal(path.path)
      #expect(text.contains("tensor token_embd.weight: has the type \(name); expected"), "\(text)")
    }
  }

  // MARK: FP8

  @Test(arguments: ["fp8-block", "fp8-channel", "fp8-tensor"])
  func fp8(kind: String) throws {
    let folder = fixture(kind)
    let weights = try ModelWeights.load(folder.path, kernels: kernels)
    let expected = try JSONDecoder().decode(
      [String: [Double]].self,
      from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    let names =
      ["q", "k", "v", "o"].map { "self_attn.\($0)_proj" }
      + ["gate", "up", "down"].map { "mlp.\($0)_proj" }
    for (name, matrix) in zip(names, weights.matrices.dropFirst()) {
      #expect(matrix.dtype == .bf16)
      expectSums(matrix, try #require(expected["model.layers.0.\(name).weight"]), name)
    }
    #expect(weights.matrices.count == 8)
    #expect(try ModelWeights.fileBytes(folder.path) >= weights.matrixBytes)
    let subject = try ModelSubject.resolve(folder.path)
    #expect(subject.weights == folder.path && subject.notes.last == "they are expanded to bf16")
  }

  @Test(arguments: [
    ("fp8-block", #""e4m3""#, #""e5m2""#, "quantization_config: stores weights in \"e5m2\""),
    ("fp8-block", #""fp8""#, #""awq""#, "quantization_config: stores weights by \"awq\""),
    ("fp8-channel", #""float""#, #""int""#, "compressed-tensors' \"float-quantized\""),
    ("fp8-channel", #""channel""#, #""tensor""#, "has the shape [144, 1]; expected [] or [1]"),
    ("fp8-tensor", #""static""#, #""static", "weight_block_size": [128, 128]"#, "expected [2, 2]"),
    ("fp8-tensor", #""static""#, #""static", "weight_block_size": [0]"#, "is no size of blocks"),
  ])
  func fp8ThatIsDeclaredOtherwise(
    kind: String, text: String, other: String, expected: String
  ) throws {
    try Files.withTemporaryFolder { folder in
      let copy = folder.appendingPathComponent(kind)
      try FileManager.default.copyItem(at: fixture(kind), to: copy)
      let config = copy.appendingPathComponent("config.json")
      var content = try String(contentsOf: config, encoding: .utf8)
      content.replace(text, with: other)
      try content.write(to: config, atomically: true, encoding: .utf8)
      let refusal = try refusal(copy.path)
      #expect(refusal.contains(expected), "\(refusal)")
    }
  }
}
