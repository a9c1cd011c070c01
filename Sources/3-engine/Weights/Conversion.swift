import CKernels
import Formats
import Machine
import Model

extension ModelWeights {
  /// The same weights with every matrix as `format` says, or as it is stored where that is `nil`, and
  /// packed for speed if asked for. Matrices that are so already stay where they are.
  ///
  /// Throws where a matrix's rows do not fill whole blocks.
  public func converted(
    to format: WeightFormat?, packed: Bool = false, team: ThreadTeam, kernels: KernelTable
  ) throws -> ModelWeights {
    if let format { try architecture.checkRows(fill: format) }
    let arena = PageArena()
    return try mapping { mapped in
      let linear = mapped.linear
      let isPacked = packed && !mapped.isReadByRows
      let wanted: [(dtype: DType, rows: Int)] =
        if let format {
          mapped.specs.map {
            (architecture.dtype(of: $0, layer: mapped.layer, in: format), $0.rows)
          }
        } else {
          linear.parts.map { ($0.dtype, $0.rows) }
        }
      // One matrix, multiplied at once, where rows are of one format and lie in one, or can.
      let joins = isPacked && !mapped.isGated
      let starts = Set(linear.parts.indices.map { linear.parts[..<$0].reduce(0) { $0 + $1.rows } })
      var targets: [(dtype: DType, rows: Range<Int>)] = []
      for (dtype, rows) in wanted {
        let start = targets.last?.rows.upperBound ?? 0
        if let last = targets.last, last.dtype == dtype, joins || !starts.contains(start) {
          targets[targets.count - 1].rows = last.rows.lowerBound..<start + rows
        } else {
          targets.append((dtype, start..<start + rows))
        }
      }
      let parts = try targets.map { target in
        let layout = isPacked ? WeightLayout.packed(target.dtype, kernels) : .rows
        return try Matrix(
          rows: target.rows, of: linear.parts, as: target.dtype, layout, arena: arena, team: team,
          kernels: kernels)
      }
      return Linear(parts, bias: linear.bias)
    }
  }
}

extension Matrix {
  /// Rows of several matrices that lie one after another: of the one that is so already, itself.
  init(
    rows: Range<Int>, of parts: [Matrix], as target: DType, _ layout: WeightLayout,
    arena: PageArena, team: ThreadTeam, kernels: KernelTable
  ) throws {
    var start = 0
    for part in parts {
      if rows == start..<start + part.rows, part.dtype == target, part.layout == layout {
        self = part
        return
      }
      start += part.rows
    }
    let columns = parts[0].columns
    let scratch = try (0..<team.count).map { _ in try FloatBuffer(count: columns) }
    try self.init(
      dtype: target, rows: rows.count, columns: columns, layout: layout,
      arena: arena, team: team, kernels: kernels
    ) { rank, row, destination in
      var (index, row) = (0, rows.lowerBound + row)
      while row >= parts[index].rows {
        row -= parts[index].rows
        index += 1
      }
      let part = parts[index]
      if target == part.dtype, row >= part.packedRows {
        destination.copyMemory(from: part.row(row), byteCount: part.rowBytes)
        return
      }
      precondition(
        target != part.dtype || !target.isBlocks, "unpacking would quantise anew")
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
