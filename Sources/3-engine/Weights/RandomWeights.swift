import CKernels
import Formats
import Machine
import Model
import Numerics

extension ModelWeights {
  /// Random weights: uniform with the standard deviation 0.02 that such models are initialised
  /// with, norms 1, biases of projections uniform too.
  ///
  /// Each row is a function of seed, tensor and row alone, whatever the number of threads. A row is
  /// first touched by the thread that reads it later.
  ///
  /// - Parameter packed: whether matrices are packed for speed (see `WeightLayout`).
  public static func random(
    _ architecture: Architecture, dtype: WeightFormat, packed: Bool = false, seed: UInt64,
    team: ThreadTeam, kernels: KernelTable
  ) throws -> ModelWeights {
    try architecture.checkRows(fill: dtype)
    return try ModelWeights(
      architecture,
      from: RandomSource(
        architecture, dtype, packed: packed, seed: seed, team: team, kernels: kernels))
  }

  /// Rows are dealt to threads in groups of this many, here and in every matmul: whole panels of
  /// the widest vectors.
  public static let rowGrain = 32
}

/// Makes each tensor from its number in the order of the program.
private final class RandomSource: WeightSource {
  private let architecture: Architecture
  private let format: WeightFormat
  private let packed: Bool
  private let seed: UInt64
  private let team: ThreadTeam
  private let kernels: KernelTable
  private let arena = PageArena()
  private var tensor: UInt64 = 0

  init(
    _ architecture: Architecture, _ format: WeightFormat, packed: Bool, seed: UInt64,
    team: ThreadTeam, kernels: KernelTable
  ) {
    self.architecture = architecture
    self.format = format
    self.packed = packed
    self.seed = seed
    self.team = team
    self.kernels = kernels
  }

  /// Matrices over the same inputs are one, unless they must stay apart or are stored otherwise.
  func linear(
    _ matrices: [WeightSpec], biases: [WeightSpec], isGated: Bool, layer: Int?
  ) throws -> Linear {
    let columns = matrices[0].columns!
    let isExact = matrices[0].isExact
    var joined: [(dtype: DType, rows: Int)] = []
    for spec in matrices {
      let dtype = isExact ? .f32 : architecture.dtype(of: spec, layer: layer, in: format)
      if !isGated, joined.last?.dtype == dtype {
        joined[joined.count - 1].rows += spec.rows
      } else {
        joined.append((dtype, spec.rows))
      }
    }
    let parts = try joined.map {
      try matrix(
        $0.rows, columns, $0.dtype, packed: packed && !isExact && !matrices[0].isReadByRows)
    }
    guard !biases.isEmpty else { return Linear(parts) }
    tensor += 1
    let bias = try FloatBuffer(count: biases.reduce(0) { $0 + $1.rows })
    Self.fill(
      .f32, bias.base, bias.count, key: UInt32(truncatingIfNeeded: Self.mixed(seed &+ tensor)),
      kernels)
    return Linear(parts, bias: bias)
  }

  /// Norms are 1, their biases 0.
  func vector(_ spec: WeightSpec, layer: Int?) throws -> FloatBuffer {
    try FloatBuffer(Array(repeating: spec.form == .norm ? 1 : 0, count: spec.rows))
  }

  private func matrix(
    _ rows: Int, _ columns: Int, _ dtype: DType, packed: Bool
  ) throws -> Matrix {
    tensor += 1
    let stream = Self.mixed(seed &+ Self.mixed(tensor))
    return try Matrix(
      dtype: dtype, rows: rows, columns: columns,
      layout: packed ? .packed(dtype, kernels) : .rows, arena: arena, team: team,
      kernels: kernels
    ) { [dtype, kernels] _, row, destination in
      Self.fill(
        dtype, destination, columns,
        key: UInt32(truncatingIfNeeded: Self.mixed(stream &+ UInt64(row))), kernels)
    }
  }

  private static let deviation: Float = 0.02

  /// `count` random elements, of block formats with codes uniform over their range.
  private static func fill(
    _ dtype: DType, _ destination: UnsafeMutableRawPointer, _ count: Int, key: UInt32,
    _ kernels: KernelTable
  ) {
    if dtype.isBlocks {
      dyno_fill_blocks(dtype.kernelType, key, count, deviation, destination)
    } else {
      kernels.functions.fill_uniform(
        dtype.kernelType, key, count, deviation * Float(3).squareRoot(), destination)
    }
  }

  /// Spreads close numbers apart.
  private static func mixed(_ value: UInt64) -> UInt64 {
    var generator = SeededGenerator(seed: value)
    return generator.next()
  }
}
