import Foundation
import Input
import Model
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

  /// Parameters as transformers counts them; of those that it does not know, as the sum of the
  /// shapes of a reference's tensors.
  @Test(arguments: [
    ("deepseek-v2-lite", 15_706_484_224), ("gpt-oss-20b", 20_914_757_184),
    ("granite-3.1-1b-a400m", 1_334_628_352), ("mixtral-8x7b", 46_702_792_704),
    ("olmoe-1b-7b", 6_919_161_856), ("qwen3-30b-a3b", 30_532_122_624),
    ("gemma-3-1b", 999_885_952), ("granite-4.0-micro", 3_402_836_480),
    ("llama-2-7b", 6_738_415_616), ("llama-3-8b", 8_030_261_248),
    ("llama-3.1-8b", 8_030_261_248), ("llama-3.2-1b", 1_235_814_400),
    ("llama-3.2-3b", 3_212_749_824), ("mistral-7b", 7_241_732_096),
    ("nemotron-51b-like", 51_511_435_264), ("nemotron-super-49b", 49_867_145_216),
    ("olmo-2-1b", 1_484_916_736), ("panda-1b", 1_303_595_520), ("panda-3b", 3_344_142_336),
    ("panda-3b-o", 3_402_862_592), ("phi-4-mini", 3_836_021_760),
    ("qwen2.5-0.5b", 494_032_768), ("qwen2.5-1.5b", 1_543_714_304),
    ("qwen3-0.6b", 596_049_920), ("qwen3-1.7b", 1_720_574_976), ("qwen3-4b", 4_022_468_096),
    ("qwen3-8b", 8_190_735_360), ("shishulm-llama-3.2-1b", 1_021_886_464),
    ("shishulm-smollm2-135m", 112_387_968), ("smollm2-135m", 134_515_008),
    ("smollm2-360m", 361_821_120), ("smollm3-3b", 3_075_098_624),
    ("surefire-1b", 1_293_109_760), ("surefire-3b", 3_344_142_336),
    ("tinyllama-1.1b", 1_100_048_384),
  ])
  func totalParameters(name: String, total: Int) throws {
    #expect(try Self.zoo.architecture(named: name).parameters.total == total)
  }

  /// Active parameters in billions as model cards print them, some without the embedding.
  @Test(arguments: [
    ("mixtral-8x7b", 12.9), ("qwen3-30b-a3b", 3.3), ("deepseek-v2-lite", 2.4),
    ("gpt-oss-20b", 3.6), ("olmoe-1b-7b", 1.3), ("granite-3.1-1b-a400m", 0.4),
  ])
  func activeParameters(name: String, billions: Double) throws {
    let counts = try Self.zoo.architecture(named: name).parameters
    let with = Double(counts.active) / 1e9
    let without = with - Double(counts.embedding) / 1e9
    #expect(billions > without - 0.06 && billions < with + 0.06, "\(without) to \(with)")
  }

  /// Stores and sweeps know their measurements by these texts, so they must not change.
  @Test(arguments: [
    (
      "llama-3.2-1b",
      #"{"architectures":["LlamaForCausalLM"],"attention_bias":false,"head_dim":64,"hidden_act":"silu","hidden_size":2048,"intermediate_size":8192,"max_position_embeddings":131072,"mlp_bias":false,"model_type":"llama","num_attention_heads":32,"num_hidden_layers":16,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_scaling":{"factor":32,"high_freq_factor":4,"low_freq_factor":1,"original_max_position_embeddings":8192,"rope_type":"llama3"},"rope_theta":500000,"tie_word_embeddings":true,"torch_dtype":"bfloat16","vocab_size":128256}"#
    ),
    (
      "mistral-7b",
      #"{"architectures":["MistralForCausalLM"],"head_dim":128,"hidden_act":"silu","hidden_size":4096,"intermediate_size":14336,"max_position_embeddings":32768,"model_type":"mistral","num_attention_heads":32,"num_hidden_layers":32,"num_key_value_heads":8,"rms_norm_eps":1e-05,"rope_theta":10000,"sliding_window":4096,"tie_word_embeddings":false,"torch_dtype":"bfloat16","vocab_size":32000}"#
    ),
    (
      "qwen3-0.6b",
      #"{"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"head_dim":128,"hidden_act":"silu","hidden_size":1024,"intermediate_size":3072,"max_position_embeddings":40960,"model_type":"qwen3","num_attention_heads":16,"num_hidden_layers":28,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_theta":1000000,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_sliding_window":false,"vocab_size":151936}"#
    ),
  ])
  func configurationsStayAsTheyAre(name: String, text: String) throws {
    let expected = try JSONObject(parsing: Data(text.utf8)).fields
    let config = try Self.zoo.architecture(named: name).config
    // Numbers are the same text with and without a fraction.
    #expect(CanonicalJSON.text(.object(config)) == CanonicalJSON.text(.object(expected)))
  }

  @Test func everyConfigSurvivesWritingAndReading() throws {
    let names = try Self.zoo.names()
    #expect(names.count == 37)
    for name in names {
      let architecture = try Self.zoo.architecture(named: name)
      let text = Data(try architecture.configText().utf8)
      #expect(try Architecture(name: name, config: JSONObject(parsing: text)) == architecture)
    }
  }
}
