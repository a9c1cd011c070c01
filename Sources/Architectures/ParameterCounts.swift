/// Parameters of an architecture, by part, and the ratios the scaling laws speak of.
///
/// `nonEmbedding` is the `N` of arXiv 2510.18245: attention and MLP matrices; norms, biases and
/// embeddings are counted apart.
public struct ParameterCounts: Equatable, Sendable {
  /// All layers' query, key, value and output matrices: `L·d·e·(2H + 2K)`.
  public let attention: Int
  /// All layers' gate, up and down matrices: `L·3·d·f`.
  public let mlp: Int
  /// RMSNorm weights, of query and key heads too.
  public let norms: Int
  public let biases: Int
  /// The token embedding: `V·d`.
  public let embedding: Int
  /// The output head: `V·d`, or 0 where it is tied to the embedding.
  public let head: Int

  public var nonEmbedding: Int { attention + mlp }
  public var total: Int { nonEmbedding + norms + biases + embedding + head }
}

extension Architecture {
  public var parameters: ParameterCounts {
    let attention = hiddenSize * headDimension * (2 * queryHeads + 2 * keyValueHeads)
    let norms = 2 * hiddenSize + (qkNorm ? 2 * headDimension : 0)
    let biases =
      (qkvBias ? queryWidth + 2 * keyValueWidth : 0) + (outputBias ? hiddenSize : 0)
    let embedding = vocabularySize * hiddenSize
    return ParameterCounts(
      attention: layers * attention, mlp: layers * 3 * hiddenSize * intermediateSize,
      norms: layers * norms + hiddenSize, biases: layers * biases, embedding: embedding,
      head: tiedEmbeddings ? 0 : embedding)
  }

  /// `r`: MLP parameters over attention parameters.
  public var mlpToAttentionRatio: Double {
    Double(parameters.mlp) / Double(parameters.attention)
  }

  /// `d/√N`.
  public var normalizedHiddenSize: Double {
    Double(hiddenSize) / Double(parameters.nonEmbedding).squareRoot()
  }

  /// Query heads that share one KV head, `H/K`.
  public var queryHeadsPerKeyValueHead: Int { queryHeads / keyValueHeads }

  /// Bytes one token adds to the KV cache.
  public func cacheBytesPerToken(_ dtype: DType) -> Double {
    Double(2 * layers * keyValueWidth) * dtype.bytesPerElement
  }

  /// Bytes of all weights: matrices in `dtype`, norms and biases in f32.
  ///
  /// Throws where a matrix's rows do not fill whole blocks of `dtype`.
  public func weightBytes(_ dtype: DType) throws -> Int {
    for (field, columns) in [
      ("hidden_size", hiddenSize), ("intermediate_size", intermediateSize),
      ("num_attention_heads × head_dim", queryWidth),
    ] where columns % dtype.blockElements != 0 {
      throw InputError(
        name, field, problem: "\(columns) does not fill blocks of \(dtype)",
        expected: "a multiple of \(dtype.blockElements)")
    }
    let counts = parameters
    return dtype.bytes(counts.nonEmbedding + counts.embedding + counts.head)
      + DType.f32.bytes(counts.norms + counts.biases)
  }
}
