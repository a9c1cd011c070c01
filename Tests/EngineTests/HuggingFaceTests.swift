import Formats
import Foundation
import Machine
import Model
import TestSupport
import Testing
import Weights

/// Logits of small models against Hugging Face transformers (`Tests/Fixtures/make_fixtures.py`).
@Suite struct HuggingFaceTests {
  private struct Expected: Decodable {
    let tokens: [[Int]]
    let logitsFile: String
  }

  private func check(_ model: URL, _ expected: URL, config: URL? = nil) throws {
    let kernels = try KernelTable.selected()
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let fixture = try decoder.decode(Expected.self, from: Data(contentsOf: expected))
    let reference = try Files.npy(
      expected.deletingLastPathComponent().appendingPathComponent(fixture.logitsFile))
    let weights = try ModelWeights.load(model.path, kernels: kernels)
    if let config {
      var other = try Architecture(configAt: config)
      other.name = weights.architecture.name
      #expect(other == weights.architecture, "\(config.lastPathComponent) means something else")
    }
    func error(_ weights: ModelWeights) throws -> Double {
      relativeError(
        try TestEngine(weights, threads: 2).logits([(0, fixture.tokens[0])]), reference)
    }
    #expect(try error(weights) <= 1e-4)
    let team = try ThreadTeam(count: 1, pinned: false, topology: Topology())
    let packed = try weights.converted(to: nil, packed: true, team: team, kernels: kernels)
    // Activations of block formats are quantised, and those of bf16 rounded where the kernels multiply
    // bf16 by bf16; the reference's are f32. A token near a tie may pass another expert.
    let isExact = packed.matrices.allSatisfy { kernels.activations(for: $0.dtype) == .f32 }
    #expect(try error(packed) <= (isExact ? 1e-4 : 0.1))
  }

  /// Every fixture: a folder as transformers wrote it.
  @Test(arguments: Self.names(in: "huggingface", ending: ""))
  func checkpoint(name: String) throws {
    let folder = Files.fixtures.appendingPathComponent("huggingface/\(name)")
    let older = folder.appendingPathComponent("config.v4.json")
    try check(
      folder, folder.appendingPathComponent("expected.json"),
      config: FileManager.default.fileExists(atPath: older.path) ? older : nil)
  }

  @Test(arguments: Self.names(in: "gguf", ending: ".gguf"))
  func gguf(name: String) throws {
    let folder = Files.fixtures.appendingPathComponent("gguf")
    try check(
      folder.appendingPathComponent("\(name).gguf"), folder.appendingPathComponent("\(name).json"))
  }

  @Test func fixturesAreThere() {
    #expect(Self.names(in: "huggingface", ending: "").count >= 94)
    #expect(Self.names(in: "gguf", ending: ".gguf").count >= 58)
  }

  private static func names(in folder: String, ending: String) -> [String] {
    let path = Files.fixtures.appendingPathComponent(folder).path
    let files = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    return files.filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }.sorted()
  }
}
