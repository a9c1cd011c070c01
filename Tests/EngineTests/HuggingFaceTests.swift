import Architectures
import Foundation
import Host
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
    let logits = try TestEngine(weights, threads: 2).logits([(0, fixture.tokens[0])])
    #expect(relativeError(logits, reference) <= 1e-4)
  }

  @Test(arguments: [
    "llama-gqa", "llama-tied", "llama-sharded", "qwen2", "qwen2-window", "qwen3", "mistral",
  ])
  func checkpoint(name: String) throws {
    let folder = Files.fixtures.appendingPathComponent("huggingface/\(name)")
    let older = folder.appendingPathComponent("config.v4.json")
    let both = FileManager.default.fileExists(atPath: older.path)
    #expect(both == (name == "llama-gqa"))
    try check(
      folder, folder.appendingPathComponent("expected.json"), config: both ? older : nil)
  }

  @Test(arguments: [
    "llama-f32", "llama-f16", "llama-bf16", "llama-q8_0", "llama-q4_0", "llama-q4_1",
    "llama-rope-freqs", "qwen2-f32", "qwen3-f32",
  ])
  func gguf(name: String) throws {
    let folder = Files.fixtures.appendingPathComponent("gguf")
    try check(
      folder.appendingPathComponent("\(name).gguf"), folder.appendingPathComponent("\(name).json"))
  }
}
