import Formats

/// The mixes of llama.cpp's file types: which matrices get more bits than the others
/// (`llama_tensor_get_type_impl` in llama.cpp's src/llama-quant.cpp, without an importance matrix).
///
/// Where a file has queries, keys and values as one tensor, llama.cpp gives that a format of its own;
/// here they are three.
enum LayerMix: String, CaseIterable, Sendable {
  // llama.cpp's names in lower case; `q2_k_m` is what it calls Q2_K, "Medium".
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q2_k_m, q3_k_m, q4_k_s, q4_k_m, q5_k_m

  /// Where a matrix stands in its model.
  struct Place {
    /// Its layer, and how many there are.
    var layer = 0
    var layers = 1
    /// The same among layers with attention.
    var attention = 0
    var attentions = 1
    var queryHeadsPerKeyValueHead = 1
    var experts = 0
    /// Whether the embedding is the head too.
    var isTied = false
  }

  var base: DType {
    switch self {
    case .q2_k_m: .q2_k
    case .q3_k_m: .q3_k
    case .q4_k_s, .q4_k_m: .q4_k
    case .q5_k_m: .q5_k
    }
  }

  /// As `llama-bench` prints it.
  var llamaName: String {
    switch self {
    case .q2_k_m: "Q2_K - Medium"
    case .q3_k_m: "Q3_K - Medium"
    case .q4_k_s: "Q4_K - Small"
    case .q4_k_m: "Q4_K - Medium"
    case .q5_k_m: "Q5_K - Medium"
    }
  }

  func dtype(_ role: WeightRole, at place: Place) -> DType {
    switch role {
    case .head: .q6_k
    case .embedding, .positions: place.isTied ? .q6_k : base
    case .value: ofValues(place)
    case .key: place.experts == 8 ? .q8_0 : base
    case .down, .expertDown, .sharedDown: ofDown(place)
    case .attentionOutput: ofAttentionOutput(place)
    default: base
    }
  }

  private func ofValues(_ place: Place) -> DType {
    guard place.experts != 8 else { return .q8_0 }
    let dtype: DType =
      switch self {
      case .q2_k_m: place.queryHeadsPerKeyValueHead >= 4 ? .q4_k : .q3_k
      case .q3_k_m: place.attention < 2 ? .q5_k : .q4_k
      case .q4_k_s: place.attention < 4 ? .q5_k : base
      case .q4_k_m, .q5_k_m:
        Self.getsMoreBits(place.attention, of: place.attentions) ? .q6_k : base
      }
    // What llama.cpp calls a 70B model: its few values cost little.
    let is70B = place.layers == 80 && place.queryHeadsPerKeyValueHead > 1
    return is70B && (dtype == .q3_k || dtype == .q4_k) ? .q5_k : dtype
  }

  private func ofDown(_ place: Place) -> DType {
    switch self {
    case .q2_k_m: .q3_k
    case .q3_k_m: place.layer < place.layers / 16 ? .q5_k : .q4_k
    case .q4_k_s: place.layer < place.layers / 8 ? .q5_k : base
    case .q4_k_m, .q5_k_m: Self.getsMoreBits(place.layer, of: place.layers) ? .q6_k : base
    }
  }

  private func ofAttentionOutput(_ place: Place) -> DType {
    let hasEightExperts = place.experts == 8
    return switch self {
    case .q2_k_m: hasEightExperts ? .q5_k : .q3_k
    case .q3_k_m: hasEightExperts ? .q5_k : .q4_k
    case .q4_k_s, .q4_k_m: hasEightExperts ? .q5_k : base
    case .q5_k_m: base
    }
  }

  /// The first and the last eighth of layers, and every third between.
  static func getsMoreBits(_ layer: Int, of layers: Int) -> Bool {
    layer < layers / 8 || layer >= 7 * layers / 8 || (layer - layers / 8) % 3 == 2
  }
}
