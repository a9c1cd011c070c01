import Engine
import Foundation
import Input
import Model
import TestSupport
import Testing
import Weights

/// Mixtures as they are published, in everything but their sizes.
@Suite struct ShrunkConfigTests {
  private static let data = URL(
    fileURLWithPath: ProcessInfo.processInfo.environment["DYNO_DATA"]
      ?? Files.root.deletingLastPathComponent().appendingPathComponent("shared/data").path
  ).appendingPathComponent("configs")
  private static let isThere = FileManager.default.fileExists(atPath: data.path)
  private static let missing: Comment =
    "no shared data: neither $DYNO_DATA nor ../shared/data has configs"

  /// As wide and deep as a test can afford; what layers do, and after which pattern, stays.
  private func shrunk(_ whole: Architecture) throws -> Architecture {
    var architecture = whole
    architecture.layers.resize(to: 5)
    architecture.resizeHidden(to: 64)
    architecture.vocabularySize = 96
    architecture.layers.modifyKinds { layer in
      if var attention = layer.attention {
        attention.queryHeads = 2 * min(attention.group, 3)
        attention.keyValueHeads = 2
        attention.resizeHeads(to: 32)
        attention.window = attention.window.map { min($0, 24) }
        attention.chunk = attention.chunk.map { min($0, 16) }
        attention.temperature?.positions = 8
        layer.attention = attention
      }
      if var attention = layer.latentAttention {
        let old = attention
        attention.queryHeads = 3
        attention.queryRank = attention.queryRank.map { _ in 48 }
        (attention.rank, attention.plainWidth) = (32, 24)
        (attention.rotaryWidth, attention.rotary.dimensions) = (16, 16)
        attention.valueWidth = 20
        attention.scale = attention.scale.map {
          $0 * (Double(old.keyWidth) / Double(attention.keyWidth)).squareRoot()
        }
        layer.latentAttention = attention
      }
      layer.mlp?.intermediateSize = 96
      if var experts = layer.experts {
        if let shared = experts.shared {
          experts.shared?.intermediateSize = 32 * shared.intermediateSize / experts.intermediateSize
        }
        (experts.count, experts.intermediateSize) = (16, 32)
        experts.active = min(experts.active, 4)
        if experts.router.groups != nil {
          experts.router.groups?.count = 4
          experts.router.groups?.active = 2
        }
        layer.experts = experts
      }
    }
    return try architecture.validated()
  }

  private func check(_ whole: Architecture) throws {
    let architecture = try shrunk(whole)
    #expect(architecture.firstExperts != nil)
    // What was changed is still a configuration of its family.
    let text = Data(try architecture.configText().utf8)
    #expect(
      try Architecture(name: architecture.name, config: JSONObject(parsing: text)) == architecture)
    let weights = try ModelWeights.lively(architecture, seed: 7, kernels: .selected())
    let tokens = randomTokens(40, architecture, seed: 4)
    let prompt = try TestEngine(weights, threads: 2).logits(tokens, inStepsOf: 40)
    #expect(relativeError(prompt, ReferenceModel(weights).logits(tokens)) <= 1e-5)
    let decoded = try TestEngine(weights).logits(tokens, inStepsOf: 1)
    #expect(relativeError(decoded, prompt) <= 1e-5)
  }

  @Test(arguments: [
    "deepseek-v2-lite", "gpt-oss-20b", "granite-3.1-1b-a400m", "mixtral-8x7b", "olmoe-1b-7b",
    "qwen3-30b-a3b",
  ])
  func zoo(name: String) throws {
    let zoo = Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))
    try check(zoo.architecture(named: name))
  }

  @Test(arguments: ["ernie-4.5-21b-a3b", "glm-4.5-air", "minimax-m2"])
  func popular(name: String) throws {
    let models = try JSONObject(
      parsing: Data(
        contentsOf: Files.fixtures.appendingPathComponent("configs/popular.json")))
    let config = try #require(try models.object(name)?.object("config"))
    try check(Architecture(name: name, config: config))
  }

  /// The others there are in the zoo.
  @Test(.enabled(if: isThere, missing), arguments: ["deepseek-v3", "llama-4-scout"])
  func real(name: String) throws {
    try check(Architecture(configAt: Self.data.appendingPathComponent(name + ".json")))
  }
}
