import Formats
import Foundation
import Input
import Model
import TestSupport
import Testing

/// Mixes of llama.cpp's file types, worked by hand from its rules (src/llama-quant.cpp).
@Suite struct WeightFormatTests {
  private func dtype(
    _ role: WeightRole, _ architecture: Architecture, layer: Int?, columns: Int = 2048,
    _ format: String
  ) throws -> DType {
    architecture.dtype(
      of: WeightSpec(role: role, form: .matrix(columns: columns), rows: 1), layer: layer,
      in: try #require(WeightFormat(rawValue: format)))
  }

  @Test func namesLeadThereAndBack() throws {
    for format in WeightFormat.allCases {
      #expect(WeightFormat(rawValue: format.rawValue) == format)
      let text = try JSONEncoder().encode([format])
      #expect(String(decoding: text, as: UTF8.self) == "[\"\(format.rawValue)\"]")
      #expect(try JSONDecoder().decode([WeightFormat].self, from: text) == [format])
    }
    #expect(Set(WeightFormat.allCases).count == DType.allCases.count + 5)
    #expect(WeightFormat(rawValue: "q4_k_x") == nil)
  }

  /// Of 16 layers: the first and last two, and every third from the fourth on.
  @Test func moreBitsInSomeLayers() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    for (format, more, base) in [("q4_k_m", DType.q6_k, DType.q4_k), ("q5_k_m", .q6_k, .q5_k)] {
      for role in [WeightRole.value, .down] {
        let layers = try (0..<16).filter { try dtype(role, llama, layer: $0, format) == more }
        #expect(layers == [0, 1, 4, 7, 10, 13, 14, 15], "\(format)")
      }
      for role in [WeightRole.query, .key, .attentionOutput, .gate, .up] {
        #expect(try (0..<16).allSatisfy { try dtype(role, llama, layer: $0, format) == base })
      }
      // Tied: the embedding is the head.
      #expect(try dtype(.embedding, llama, layer: nil, format) == .q6_k)
    }
    let values = try (0..<16).map { try dtype(.value, llama, layer: $0, "q3_k_m") }
    #expect(values == [.q5_k, .q5_k] + Array(repeating: .q4_k, count: 14))
    let downs = try (0..<16).map { try dtype(.down, llama, layer: $0, "q3_k_m") }
    #expect(downs == [.q5_k] + Array(repeating: .q4_k, count: 15))
    #expect(try dtype(.value, llama, layer: 3, "q2_k_m") == .q4_k)
    #expect(try dtype(.value, llama, layer: 3, "q4_k_s") == .q5_k)
    #expect(try dtype(.value, llama, layer: 4, "q4_k_s") == .q4_k)
  }

  /// The weights of Llama-3.2-1B-Q4_K_M: 799,592,448 bytes of matrices (by hand: Q6_K 210 and Q4_K 144
  /// bytes for 256 elements) and norms in f32.
  @Test func bytesOfLlama() throws {
    let llama = try Zoo.resolve("llama-3.2-1b")
    let format = try #require(WeightFormat(rawValue: "q4_k_m"))
    #expect(try llama.weightBytes(format) == 799_592_448 + 33 * 2048 * 4)
    let storage = try WeightStorage(format, llama)
    #expect(storage.all.bytes == 799_592_448)
    #expect(storage.format(of: llama) == format)
    #expect(try WeightStorage(.bf16, llama).format(of: llama) == .bf16)
    // A decode step reads the same, the embedding once as the head and one row of it.
    let operators = llama.operators(
      of: Step(batch: 1, cached: 0, new: 1), weights: storage, cache: .f16)
    let read = operators.reduce(0) { $0 + $1.weightBytes }
    #expect(read == Double(799_592_448 + 33 * 2048 * 4) + 2048 * 210 / 256)
  }

  @Test func eightExperts() throws {
    let experts = try Zoo.resolve("mixtral-8x7b")
    for role in [WeightRole.key, .value] {
      #expect(try dtype(role, experts, layer: 3, "q4_k_m") == .q8_0)
    }
    #expect(try dtype(.attentionOutput, experts, layer: 3, "q4_k_m") == .q5_k)
    // Of 32 layers: 0 to 3, then every third.
    #expect(try dtype(.expertDown, experts, layer: 4, "q4_k_m") == .q4_k)
    #expect(try dtype(.expertDown, experts, layer: 6, "q4_k_m") == .q6_k)
    #expect(try dtype(.expertGate, experts, layer: 4, "q4_k_m") == .q4_k)
  }

  /// Rows that do not fill blocks of 256 take the fallback, those that do not fill 32 are refused.
  @Test func rowsThatDoNotFillBlocks() throws {
    let small = try Zoo.resolve("smollm2-135m")
    for (format, fallback) in [
      ("q2_k", DType.q4_0), ("q3_k", .q4_0), ("q4_k", .q5_0), ("q5_k", .q5_1), ("q6_k", .q8_0),
      ("iq4_xs", .iq4_nl), ("q4_k_m", .q5_0),
    ] {
      #expect(try dtype(.query, small, layer: 5, columns: 576, format) == fallback)
    }
    #expect(try dtype(.embedding, small, layer: nil, columns: 576, "q4_k_m") == .q8_0)
    #expect(try dtype(.gate, small, layer: 5, columns: 1536, "q4_k") == .q4_k)
    let storage = try WeightStorage(#require(WeightFormat(rawValue: "q4_k")), small)
    #expect(Set(storage.all.elements.keys) == [.q5_0, .q4_k])
    #expect(storage.format(of: small)?.rawValue == "q4_k")
    let odd = Architecture(
      name: "odd", hiddenSize: 48, intermediateSize: 64, layers: 1, queryHeads: 2,
      keyValueHeads: 1, headDimension: 16, vocabularySize: 10)
    for format in ["q8_0", "q4_k", "q4_k_m"] {
      let error = #expect(throws: InputError.self) {
        try odd.weightBytes(#require(WeightFormat(rawValue: format)))
      }
      #expect(error?.description.contains("expected a multiple of 32") == true)
    }
  }

  private struct Quantised: Decodable {
    // Spelled as in the file.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var hidden, layers, heads, kv_heads, experts, inner, vocabulary: Int
    var tied: Bool
    /// By mix and kind of tensor, layer after layer.
    var mixes: [String: [String: [DType]]]

    var architecture: Architecture {
      var architecture = Architecture(
        name: "quantised", hiddenSize: hidden, intermediateSize: inner, layers: layers,
        queryHeads: heads, keyValueHeads: kv_heads, headDimension: hidden / heads,
        vocabularySize: vocabulary, tiedEmbeddings: tied)
      guard experts > 0 else { return architecture }
      architecture.layers.modifyKinds {
        $0.feedForward = .experts(
          Experts(
            count: experts, active: 2, intermediateSize: inner,
            router: .init(renormalises: true), inputNorm: .rms(1e-5)))
      }
      return architecture
    }
  }

  /// What llama.cpp's quantiser made of small models (`Tests/Fixtures/formats/make_mixes.py`).
  @Test(arguments: ["untied", "tied", "narrow", "eight"])
  func mixesAreLlamaCpps(model: String) throws {
    let url = Files.fixtures.appendingPathComponent("formats/mixes.json")
    let all = try JSONDecoder().decode([String: Quantised].self, from: Data(contentsOf: url))
    let quantised = try #require(all[model])
    let architecture = quantised.architecture
    let roles: [String: (role: WeightRole, columns: Int)] = [
      "token_embd": (.embedding, quantised.hidden), "output": (.head, quantised.hidden),
      "attn_q": (.query, quantised.hidden), "attn_k": (.key, quantised.hidden),
      "attn_v": (.value, quantised.hidden), "attn_output": (.attentionOutput, quantised.hidden),
      "ffn_gate": (.gate, quantised.hidden), "ffn_up": (.up, quantised.hidden),
      "ffn_down": (.down, quantised.inner), "ffn_gate_exps": (.expertGate, quantised.hidden),
      "ffn_up_exps": (.expertUp, quantised.hidden), "ffn_down_exps": (.expertDown, quantised.inner),
    ]
    #expect(quantised.mixes.count == WeightFormat.mixes.count + 1)
    for (mix, tensors) in quantised.mixes where mix != "q6_k" || model != "eight" {
      for (tensor, expected) in tensors {
        let (role, columns) = try #require(roles[tensor], "\(tensor)")
        for (layer, expected) in expected.enumerated() {
          let isOutside = role == .embedding || role == .head
          let actual = try dtype(
            role, architecture, layer: isOutside ? nil : layer, columns: columns, mix)
          #expect(actual == expected, "\(model), \(mix): \(tensor) of layer \(layer)")
        }
      }
    }
  }
}
