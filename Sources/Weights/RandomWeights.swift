import Architectures
import CKernels
import Host
import Numerics

extension ModelWeights {
  /// Random weights: uniform with the standard deviation 0.02 that such models are initialised
  /// with, norms 1, biases uniform too.
  ///
  /// Each row is a function of seed, tensor and row alone, whatever the number of threads. A row is
  /// first touched by the thread that reads it later.
  ///
  /// - Parameter packed: whether matrices are packed for speed (see `WeightLayout`).
  public static func random(
    _ architecture: Architecture, dtype: DType, packed: Bool = false, seed: UInt64,
    team: ThreadTeam, kernels: KernelTable
  ) throws -> ModelWeights {
    _ = try architecture.weightBytes(dtype)  // refuses widths that leave partial blocks
    let arena = PageArena()
    var tensor: UInt64 = 0
    func matrix(_ rows: Int, _ columns: Int) throws -> Matrix {
      tensor += 1
      let stream = mixed(seed &+ mixed(tensor))
      return try Matrix(
        dtype: dtype, rows: rows, columns: columns,
        layout: packed ? .packed(dtype, kernels) : .rows, arena: arena, team: team,
        kernels: kernels
      ) { _, row, destination in
        fill(
          dtype, destination, columns,
          key: UInt32(truncatingIfNeeded: mixed(stream &+ UInt64(row))), kernels)
      }
    }
    func ones(_ count: Int) throws -> FloatBuffer {
      try FloatBuffer(Array(repeating: 1, count: count))
    }
    func bias(_ present: Bool, _ count: Int) throws -> FloatBuffer? {
      guard present else { return nil }
      tensor += 1
      let buffer = try FloatBuffer(count: count)
      fill(
        .f32, buffer.base, count, key: UInt32(truncatingIfNeeded: mixed(seed &+ tensor)), kernels)
      return buffer
    }

    let a = architecture
    let embedding = try matrix(a.vocabularySize, a.hiddenSize)
    let qkvWidth = a.queryWidth + 2 * a.keyValueWidth
    let layers = try (0..<a.layers).map { _ in
      Layer(
        attentionNorm: try ones(a.hiddenSize),
        qkv: Linear([try matrix(qkvWidth, a.hiddenSize)], bias: try bias(a.qkvBias, qkvWidth)),
        queryNorm: a.qkNorm ? try ones(a.headDimension) : nil,
        keyNorm: a.qkNorm ? try ones(a.headDimension) : nil,
        output: Linear(
          [try matrix(a.hiddenSize, a.queryWidth)], bias: try bias(a.outputBias, a.hiddenSize)),
        mlpNorm: try ones(a.hiddenSize),
        gateUp: Linear(try (0..<2).map { _ in try matrix(a.intermediateSize, a.hiddenSize) }),
        down: Linear([try matrix(a.hiddenSize, a.intermediateSize)]))
    }
    let head = a.tiedEmbeddings ? embedding : try matrix(a.vocabularySize, a.hiddenSize)
    return ModelWeights(
      architecture: a, embedding: embedding, layers: layers, finalNorm: try ones(a.hiddenSize),
      head: Linear([head]),
      inverseFrequencies: a.rotary.inverseFrequencies(headDimension: a.headDimension),
      interleavedRotary: false)
  }

  /// Rows are dealt to threads in groups of this many, here and in every matmul: whole panels of
  /// the widest vectors.
  public static let rowGrain = 32

  private static let deviation: Float = 0.02

  /// `count` random elements. Quants are uniform over their range, whose deviation fixes the scale.
  private static func fill(
    _ dtype: DType, _ destination: UnsafeMutableRawPointer, _ count: Int, key: UInt32,
    _ kernels: KernelTable
  ) {
    switch dtype {
    case .f32, .bf16, .f16:
      kernels.functions.fill_uniform(
        dtype.kernelType, key, count, deviation * Float(3).squareRoot(), destination)
    case .q8_0:
      dyno_fill_blocks(dtype.kernelType, key, count, deviation / 73.9, destination)
    case .q4_0, .q4_1:
      dyno_fill_blocks(dtype.kernelType, key, count, deviation / 4.61, destination)
    }
  }

  /// Spreads close numbers apart.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: value)
    return generator.next()
  }
}
