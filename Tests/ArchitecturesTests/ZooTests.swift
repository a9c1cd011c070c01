import Architectures
import Foundation
import TestSupport
import Testing

/// The published architectures (arXiv 2510.18245) as the paper's tables and the definitions give them.
@Suite struct ZooTests {
  struct Published {
    let name: String
    let sizes: [Int]  // d, f, L, H, K, e
    let r: Double
    let x: Double
    let billions: Double
  }

  static let published = [
    Published(
      name: "llama-3.2-1b", sizes: [2048, 8192, 16, 32, 8, 64], r: 4.80, x: 0.0657, billions: 0.973),
    Published(
      name: "panda-1b", sizes: [2560, 4096, 16, 72, 18, 64], r: 1.07, x: 0.0820, billions: 0.975),
    Published(
      name: "surefire-1b", sizes: [2560, 6144, 16, 36, 4, 64], r: 3.60, x: 0.0824, billions: 0.965),
    Published(
      name: "llama-3.2-3b", sizes: [3072, 8192, 28, 24, 8, 128], r: 3.00, x: 0.0579,
      billions: 2.819),
    Published(
      name: "panda-3b", sizes: [4096, 4096, 28, 36, 12, 128], r: 1.00, x: 0.0772, billions: 2.819),
    Published(
      name: "surefire-3b", sizes: [4096, 4096, 28, 42, 6, 128], r: 1.00, x: 0.0772,
      billions: 2.819),
    Published(
      name: "panda-3b-o", sizes: [4096, 4608, 28, 33, 11, 128], r: 1.23, x: 0.0764,
      billions: 2.877),
  ]

  static let zoo = Zoo(folder: Files.root.appendingPathComponent("profiles/architectures"))

  @Test(arguments: published.indices)
  func publishedTable(index: Int) throws {
    let row = Self.published[index]
    let a = try Self.zoo.architecture(named: row.name)
    #expect(
      [
        a.hiddenSize, a.intermediateSize, a.layers.count, a.queryHeads, a.keyValueHeads,
        a.headDimension,
      ]
        == row.sizes)
    #expect(abs(a.mlpToAttentionRatio - row.r) < 0.005)
    #expect(abs(a.normalizedHiddenSize - row.x) < 0.00005)
    #expect(abs(Double(a.parameters.nonEmbedding) / 1e9 - row.billions) < 0.0005)
    #expect(a.vocabularySize == 128_256)
    #expect(a.tiedEmbeddings)
    #expect(a.rotaries[0].theta == 500_000)
    #expect(a.finalNorm == .rms(1e-5))
  }

  /// Total parameters as the models' cards state them, in millions.
  @Test(arguments: [
    ("llama-3.2-1b", 1235.8), ("llama-3.2-3b", 3212.7), ("llama-3.1-8b", 8030.3),
    ("mistral-7b", 7241.7), ("qwen2.5-0.5b", 494.0), ("qwen2.5-1.5b", 1543.7),
    ("qwen3-0.6b", 596.0), ("qwen3-1.7b", 1720.6), ("qwen3-4b", 4022.5), ("qwen3-8b", 8190.7),
    ("tinyllama-1.1b", 1100.0), ("smollm2-135m", 134.5), ("smollm2-360m", 361.8),
  ])
  func totalParameters(name: String, millions: Double) throws {
    let total = try Self.zoo.architecture(named: name).parameters.total
    #expect(abs(Double(total) / 1e6 - millions) < 0.06)
  }

  @Test func everyConfigSurvivesWritingAndReading() throws {
    let names = try Self.zoo.names()
    #expect(names.count == 20)
    for name in names {
      let architecture = try Self.zoo.architecture(named: name)
      let text = Data(try architecture.configText().utf8)
      #expect(try Architecture(name: name, config: JSONObject(parsing: text)) == architecture)
    }
  }
}
