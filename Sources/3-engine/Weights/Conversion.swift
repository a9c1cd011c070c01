import CKernels
import Formats
import Machine

extension ModelWeights {
  /// The same weights with every matrix in `dtype`, or as it is stored where that is `nil`, and
  /// packed for speed if asked for. Matrices that are so already stay where they are.
  ///
  /// Throws where a matrix's rows do not fill whole blocks of `dtype`.
  public func converted(
    to dtype: DType?, packed: Bool = false, team: ThreadTeam, kernels: KernelTable
  ) throws -> ModelWeights {
    if let dtype { try architecture.checkRows(fill: dtype) }
    let arena = PageArena()
    func converted(_ matrix: Matrix, packed: Bool) throws -> Matrix {
      let target = dtype ?? matrix.dtype
      return try matrix.converted(
        to: target, packed ? .packed(target, kernels) : .rows, arena: arena, team: team,
        kernels: kernels)
    }
    func converted(_ matrix: Matrix) throws -> Matrix { try converted(matrix, packed: packed) }
    func byRows(_ matrix: Matrix) throws -> Matrix { try converted(matrix, packed: false) }
    return try mapping(table: converted, byRows: byRows) { linear, isGated in
      // One matrix, multiplied at once, where the parts can lie in one.
      let dtypes = Set(linear.parts.map { dtype ?? $0.dtype })
      guard packed, !isGated, linear.parts.count > 1, dtypes.count == 1, let target = dtypes.first
      else { return Linear(try linear.parts.map(converted), bias: linear.bias) }
      let matrix = try Matrix(
        joining: linear.parts, as: target, .packed(target, kernels), arena: arena, team: team,
        kernels: kernels)
      return Linear([matrix], bias: linear.bias)
    }
  }
}

extension Matrix {
  func converted(
    to target: DType, _ layout: WeightLayout, arena: PageArena, team: ThreadTeam,
    kernels: KernelTable
  ) throws -> Matrix {
    guard target != dtype || layout != self.layout else { return self }
    return try Matrix(
      joining: [self], as: target, layout, arena: arena, team: team, kernels: kernels)
  }

  /// The rows of several matrices one after another.
  init(
    joining parts: [Matrix], as target: DType, _ layout: WeightLayout, arena: PageArena,
    team: ThreadTeam, kernels: KernelTable
  ) throws {
    let columns = parts[0].columns
    let scratch = try (0..<team.count).map { _ in try FloatBuffer(count: columns) }
    try self.init(
      dtype: target, rows: parts.reduce(0) { $0 + $1.rows }, columns: columns, layout: layout,
      arena: arena, team: team, kernels: kernels
    ) { rank, row, destination in
      var (index, row) = (0, row)
      while row >= parts[index].rows {
        row -= parts[index].rows
        index += 1
      }
      let part = parts[index]
      if target == part.dtype {
        precondition(row >= part.packedRows, "unpacking would quantise anew")
        destination.copyMemory(from: part.row(row), byteCount: part.rowBytes)
        return
      }
      let values = scratch[rank].base
      part.expand(row: row, kernels, into: values)
      if target.isBlocks {
        dyno_quantize(target.kernelType, values, columns, destination)
      } else {
        kernels.functions.round(target.kernelType, values, columns, destination)
      }
    }
  }

  /// A matrix of which `fill` writes each row, on the thread that reads it later.
  ///
  /// - Parameter fill: is given the thread's rank, a row, and where the row's bytes go.
  init(
    dtype: DType, rows: Int, columns: Int, layout: WeightLayout, arena: PageArena,
    team: ThreadTeam, kernels: KernelTable,
    fill: @Sendable (_ rank: Int, _ row: Int, _ destination: UnsafeMutableRawPointer) -> Void
  ) throws {
    let (base, owner) = try arena.allocate(rows * dtype.bytes(columns))
    self.init(
      dtype: dtype, rows: rows, columns: columns, base: base, owner: owner, layout: layout)
    let (rowBytes, packedRows) = (rowBytes, packedRows)
    let panel = layout.panelRows
    precondition(ModelWeights.rowGrain % panel == 0, "a thread's rows are whole panels")
    let unpacked = try (0..<team.count).map { _ in
      try FloatBuffer(count: panel > 1 ? (panel * rowBytes + 3) / 4 : 0)
    }
    let start = base - owner.base
    team.run { rank in
      let base = owner.base + start
      let range = team.slice(rows, rank: rank, grain: ModelWeights.rowGrain)
      for first in stride(from: range.lowerBound, to: range.upperBound, by: panel) {
        let destination = base + first * rowBytes
        let isPacked = first < packedRows
        let rows = isPacked ? UnsafeMutableRawPointer(unpacked[rank].base) : destination
        for row in first..<min(first + panel, range.upperBound) {
          fill(rank, row, rows + (row - first) * rowBytes)
        }
        if isPacked {
          kernels.functions.pack_rows(dtype.kernelType, rows, columns, destination)
        }
      }
    }
  }
}
