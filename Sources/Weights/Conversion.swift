import Architectures
import CKernels
import Host

extension ModelWeights {
  /// The same weights with every matrix in `dtype`; those already in it stay where they are.
  ///
  /// Throws where a matrix's rows do not fill whole blocks of `dtype`.
  public func converted(
    to dtype: DType, team: ThreadTeam, kernels: KernelTable
  ) throws -> ModelWeights {
    _ = try architecture.weightBytes(dtype)
    let arena = PageArena()
    func converted(_ matrix: Matrix) throws -> Matrix {
      try matrix.converted(to: dtype, arena: arena, team: team, kernels: kernels)
    }
    func converted(_ linear: Linear) throws -> Linear {
      Linear(try linear.parts.map { try converted($0) }, bias: linear.bias)
    }
    var result = self
    let tied = head.parts[0].base == embedding.base
    result.embedding = try converted(embedding)
    result.head = tied ? Linear([result.embedding], bias: head.bias) : try converted(head)
    result.layers = try layers.map { layer in
      var layer = layer
      layer.qkv = try converted(layer.qkv)
      layer.output = try converted(layer.output)
      layer.gateUp = try converted(layer.gateUp)
      layer.down = try converted(layer.down)
      return layer
    }
    return result
  }
}

extension Matrix {
  func converted(
    to target: DType, arena: PageArena, team: ThreadTeam, kernels: KernelTable
  ) throws -> Matrix {
    guard target != dtype else { return self }
    let (base, owner) = try arena.allocate(rows * target.bytes(columns))
    let result = Matrix(dtype: target, rows: rows, columns: columns, base: base, owner: owner)
    let scratch = try (0..<team.count).map { _ in try FloatBuffer(count: columns) }
    team.run { rank in
      let values = scratch[rank].base
      for row in team.slice(rows, rank: rank, grain: ModelWeights.rowGrain) {
        kernels.functions.expand(dtype.kernelType, self.row(row), columns, values)
        let destination = base + row * result.rowBytes
        if target.blockElements == 1 {
          kernels.functions.round(target.kernelType, values, columns, destination)
        } else {
          dyno_quantize(target.kernelType, values, columns, destination)
        }
      }
    }
    return result
  }
}
