import Foundation
import Input
import Model
import TestSupport
import Testing

/// The 44 configurations in the shared data, as their hubs have them.
@Suite struct RealConfigTests {
  static let folder = URL(
    fileURLWithPath: ProcessInfo.processInfo.environment["DYNO_DATA"]
      ?? Files.root.deletingLastPathComponent().appendingPathComponent("shared/data").path
  ).appendingPathComponent("configs")

  static let isThere = FileManager.default.fileExists(atPath: folder.path)
  static let missing: Comment = "no shared data: neither $DYNO_DATA nor ../shared/data has configs"

  /// What we do not run yet, and the `model_type` that the refusal names.
  static let refused = ["falcon-h1-1.5b": "falcon_h1"]

  /// Parameters of all others: what transformers counts.
  static let totals = [
    "codellama-7b": 6_738_546_688, "deepseek-coder-6.7b": 6_740_512_768,
    "deepseek-llm-7b": 6_910_365_696, "deepseek-r1-distill-qwen-7b": 7_615_616_512,
    "gpt-oss-20b": 20_914_757_184, "llama-4-scout": 107_769_861_120,
    "mixtral-8x7b": 46_702_792_704, "qwen3-30b-a3b": 30_532_122_624,
    // Its corrections, 256 in each of 58 layers, are buffers there.
    "deepseek-v3": 671_026_404_352 + 58 * 256,
    "falcon3-7b": 7_455_550_464, "gemma-2-2b": 2_614_341_888, "gemma-3-1b-it": 999_885_952,
    "gpt2": 124_439_808, "granite-3.3-2b": 2_533_539_840, "granite-3b-code-base": 3_482_503_680,
    "llama-1-7b": 6_738_415_616, "llama-3.1-8b-bnb-4bit": 8_030_261_248,
    "llama-3.1-8b-instruct": 8_030_261_248, "llama-3.2-1b-instruct": 1_235_814_400,
    "llama-3.3-70b-instruct": 70_553_706_496, "ministral-8b-2410": 8_019_808_256,
    "mistral-7b-instruct-v0.3": 7_248_023_552, "mistral-7b-v0.1": 7_241_732_096,
    "mistral-7b-v0.3-resaved-4.53": 7_248_023_552, "mistral-nemo-12b": 12_247_782_400,
    "mistral-small-24b-2501": 23_572_403_200, "olmo-2-7b": 7_298_617_344,
    "phi-3-mini-4k": 3_821_079_552, "phi-4": 14_659_507_200, "pythia-410m": 405_334_016,
    "qwen2.5-7b-instruct": 7_615_616_512, "qwen2.5-7b-instruct-1m": 7_615_616_512,
    "qwen2.5-7b-instruct-awq": 7_615_616_512, "qwen2.5-7b-instruct-yarn": 7_615_616_512,
    "qwen3-8b": 8_190_735_360, "qwen3-8b-fp8": 8_190_735_360,
    "qwen3-8b-mlx-4bit": 8_190_735_360, "qwen3-8b-mlx-4bit-old": 8_190_735_360,
    "qwen3-8b-yarn": 8_190_735_360, "smollm2-1.7b": 1_711_376_384, "smollm3-3b": 3_075_098_624,
    "yarn-llama-2-7b-64k": 6_738_415_616, "yi-1.5-9b": 8_829_407_232,
  ]

  private func architecture(_ name: String, _ config: inout ConfigReader?) throws -> Architecture {
    let file = Self.folder.appendingPathComponent(name + ".json")
    let reader = ConfigReader(try JSONObject(parsing: Data(contentsOf: file)))
    config = reader
    return try Architecture(name: name, config: reader)
  }

  @Test(.enabled(if: isThere, missing), arguments: totals.keys.sorted())
  func othersAreRead(name: String) throws {
    var reader: ConfigReader?
    let architecture = try architecture(name, &reader)
    #expect(architecture.parameters.total == Self.totals[name])
    let text = Data(try architecture.configText().utf8)
    #expect(try Architecture(name: name, config: JSONObject(parsing: text)) == architecture)
    let storage = [
      "llama-3.1-8b-bnb-4bit": "nf4", "qwen2.5-7b-instruct-awq": "int4", "qwen3-8b-fp8": "fp8",
      "qwen3-8b-mlx-4bit": "int4", "qwen3-8b-mlx-4bit-old": "int4", "deepseek-v3": "fp8",
      "gpt-oss-20b": "mxfp4",
    ]
    #expect(reader?.storedAs == storage[name])
    #expect(reader?.notes.isEmpty == (storage[name] == nil && name != "llama-4-scout"))
  }

  @Test(.enabled(if: isThere, missing), arguments: refused.keys.sorted())
  func theRestIsRefusedInOneLine(name: String) throws {
    var reader: ConfigReader?
    let error = #expect(throws: InputError.self) { try architecture(name, &reader) }
    let text = error?.description ?? ""
    #expect(text.contains("model_type: \"\(Self.refused[name]!)"), "\(text)")
    #expect(text.contains("llama, ") && !text.contains("\n"))
  }

  @Test(.enabled(if: isThere, missing)) func noneIsForgotten() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
      .filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
    #expect(Set(names) == Set(Self.totals.keys).union(Self.refused.keys))
  }
}
