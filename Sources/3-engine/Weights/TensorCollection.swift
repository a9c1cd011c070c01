import CKernels
import Formats
import Foundation
import Input
import Machine
import Model

/// The tensors of a model by name, whatever files they come from, and which of them were used.
final class TensorCollection: WeightSource {
  private let tensors: [String: StoredTensor]
  private let kernels: KernelTable
  private let architecture: Architecture
  private let names: TensorNames
  /// Where to say a missing tensor was looked for.
  private let source: String
  private var used: Set<String> = []

  init(
    _ tensors: [String: StoredTensor], _ architecture: Architecture, _ names: TensorNames,
    source: String, kernels: KernelTable
  ) {
    self.tensors = tensors
    self.architecture = architecture
    self.names = names
    self.source = source
    self.kernels = kernels
  }

  func linear(
    _ matrices: [WeightSpec], biases: [WeightSpec], isGated: Bool, layer: Int?
  ) throws -> Linear {
    let parts = try matrices.map { spec in
      let place = place(of: spec, layer)
      return spec.isExact ? try exact(place, spec) : try matrix(place, spec)
    }
    guard !biases.isEmpty else { return Linear(parts) }
    let joined = try FloatBuffer(count: biases.reduce(0) { $0 + $1.rows })
    var start = 0
    for spec in biases {
      let values = try vector(spec, layer: layer)
      (joined.base + start).update(from: values.base, count: spec.rows)
      start += spec.rows
    }
    return Linear(parts, bias: joined)
  }

  func vector(_ spec: WeightSpec, layer: Int?) throws -> FloatBuffer {
    let place = place(of: spec, layer)
    let result = try FloatBuffer(count: spec.rows)
    let each = spec.rows / place.names.count
    for (index, name) in place.names.enumerated() {
      let values = try values(
        name, elements: place.arrangement.elements(of: each), slice: place.slice)
      for row in 0..<each {
        result.base[index * each + row] =
          values.base[place.arrangement.row(row)] + place.offset
      }
    }
    return result
  }

  /// Where this file keeps it.
  private func place(of spec: WeightSpec, _ layer: Int?) -> TensorSource {
    names.source(spec, layer, architecture).found { tensors[$0] != nil }
  }

  /// Refuses tensors that nothing has asked for: the model would not be the one that was meant.
  func refuseSurplus() throws {
    let headName = names.source(
      WeightSpec(
        role: .head, form: .matrix(columns: architecture.hiddenSize),
        rows: architecture.vocabularySize), nil, architecture
    ).names
    let harmless = names.harmless(among: Set(tensors.keys), architecture)
    let surplus = tensors.keys.filter { name in
      !used.contains(name) && !headName.contains(name) && !harmless.contains(name)
    }.sorted()
    guard let first = surplus.first else { return }
    let others = surplus.count > 1 ? " and \(surplus.count - 1) others" : ""
    throw InputError(
      source, "tensor \(first)\(others)",
      problem: "is not used by a \(architecture.modelType) model of this configuration",
      expected: "only tensors that the configuration asks for")
  }

  private func matrix(_ place: TensorSource, _ spec: WeightSpec) throws -> Matrix {
    if case .headsKeysTransposed(_, let keys, let values) = place.arrangement {
      return try latentHeads(place, spec, keys: keys, values: values)
    }
    let (name, rows, columns) = (place.names[0], spec.rows, spec.columns!)
    precondition(place.names.count == 1, "a matrix is of one tensor")
    let tensor = try tensor(name, shape: place.shapes(of: spec)[0])
    guard let dtype = tensor.dtype else { throw unreadable(name, tensor) }
    let start = tensor.base + place.slice.bytes(of: tensor, dtype)
    if case .transposed(let first, let total, let step) = place.arrangement {
      return try transposed(
        name, tensor, dtype, rows: rows, columns: columns, from: start, first: first, step: step,
        width: total)
    }
    let rowBytes = dtype.bytes(columns)
    // Kernels read whole elements; a file may put them at odd addresses.
    let alignment = dtype == .f32 ? 4 : 2
    let base = start + place.arrangement.row(0) * rowBytes
    if place.arrangement.isContiguous, UInt(bitPattern: base) % UInt(alignment) == 0 {
      return Matrix(
        dtype: dtype, rows: rows, columns: columns, base: base, owner: tensor.owner)
    }
    let memory = try copy(name, tensor, bytes: rows * rowBytes)
    for row in 0..<rows {
      (memory.base + row * rowBytes).copyMemory(
        from: start + place.arrangement.row(row) * rowBytes, byteCount: rowBytes)
    }
    return Matrix(dtype: dtype, rows: rows, columns: columns, base: memory.base, owner: memory)
  }

  /// A small matrix as f32, whatever its shape in the file.
  private func exact(_ place: TensorSource, _ spec: WeightSpec) throws -> Matrix {
    precondition(place.arrangement == .whole && place.names.count == 1)
    let values = try values(place.names[0], elements: spec.elements, slice: place.slice)
    return Matrix(
      dtype: .f32, rows: spec.rows, columns: spec.columns!, base: UnsafeRawPointer(values.base),
      owner: values)
  }

  /// Rows that are columns in the file.
  private func transposed(
    _ name: String, _ tensor: StoredTensor, _ dtype: DType, rows: Int, columns: Int,
    from start: UnsafeRawPointer, first: Int, step: Int, width: Int
  ) throws -> Matrix {
    guard !dtype.isBlocks else { throw unreadable(name, tensor) }
    let size = dtype.blockBytes
    let memory = try copy(name, tensor, bytes: rows * columns * size)
    // Small squares, so that neither side leaves the cache between its rows.
    let square = 64
    for firstRow in stride(from: 0, to: rows, by: square) {
      for firstColumn in stride(from: 0, to: columns, by: square) {
        for row in firstRow..<min(rows, firstRow + square) {
          for column in firstColumn..<min(columns, firstColumn + square) {
            (memory.base + (row * columns + column) * size).copyMemory(
              from: start + (column * width + first + row * step) * size, byteCount: size)
          }
        }
      }
    }
    return Matrix(dtype: dtype, rows: rows, columns: columns, base: memory.base, owner: memory)
  }

  /// Keys and values of latent attention's heads, of two tensors, as f32: blocks of transposed keys do
  /// not become blocks again.
  private func latentHeads(
    _ place: TensorSource, _ spec: WeightSpec, keys: Int, values: Int
  ) throws -> Matrix {
    let (columns, head) = (spec.columns!, keys + values)
    let shapes = place.shapes(of: spec)
    let memory = try copy(
      place.names[0], tensor(place.names[0], shape: shapes[0]), bytes: spec.elements * 4)
    let base = memory.base.assumingMemoryBound(to: Float.self)
    let row = try FloatBuffer(count: max(keys, columns))
    for (part, name) in place.names.enumerated() {
      let tensor = try tensor(name, shape: shapes[part])
      guard let dtype = tensor.dtype else { throw unreadable(name, tensor) }
      let width = shapes[part][2]
      let rowBytes = dtype.bytes(width)
      let aligned = try FloatBuffer(count: (rowBytes + 3) / 4)
      for index in 0..<shapes[part][0] * shapes[part][1] {
        UnsafeMutableRawPointer(aligned.base).copyMemory(
          from: tensor.base + index * rowBytes, byteCount: rowBytes)
        kernels.functions.expand(dtype.kernelType, aligned.base, width, row.base)
        let (of, inner) = index.quotientAndRemainder(dividingBy: shapes[part][1])
        if part == 0 {
          for key in 0..<keys { base[(of * head + key) * columns + inner] = row.base[key] }
        } else {
          (base + (of * head + keys + inner) * columns).update(from: row.base, count: columns)
        }
      }
    }
    return Matrix(
      dtype: .f32, rows: spec.rows, columns: columns, base: memory.base, owner: memory)
  }

  private func copy(_ name: String, _ tensor: StoredTensor, bytes: Int) throws -> PageMemory {
    let available = AvailableMemory.bytes()
    guard bytes <= available else {
      throw InputError(
        tensor.path, "tensor \(name)",
        problem: "has to be rearranged, and its copy takes \(bytes) bytes",
        expected: "at most the available \(available)")
    }
    return try PageMemory(bytes)
  }

  /// The values of a tensor, or of a slice of one, of so many elements, whatever its shape, as f32.
  private func values(
    _ name: String, elements count: Int, slice: TensorSource.Slice?
  ) throws -> FloatBuffer {
    let tensor = try tensor(name)
    let all = count * (slice?.count ?? 1)
    guard tensor.elements == all else { throw misshapen(name, tensor, [all]) }
    return try tensor.values(kernels, from: (slice?.index ?? 0) * count, count: count)
      ?? { throw unreadable(name, tensor) }()
  }

  private func tensor(_ name: String, shape: [Int]) throws -> StoredTensor {
    let tensor = try tensor(name)
    guard tensor.shape == shape else { throw misshapen(name, tensor, shape) }
    return tensor
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    guard let tensor = tensors[name] else {
      if let blocks = tensors[name + "_blocks"] {
        throw InputError(
          blocks.path, "tensor \(name)_blocks", problem: "holds MXFP4, which is not read",
          expected: "\(name) in bf16, f16 or f32")
      }
      throw InputError(
        source, "tensor \(name)", problem: "is missing",
        expected: "it for a \(architecture.modelType) model of this configuration")
    }
    used.insert(name)
    return tensor
  }

  private func misshapen(_ name: String, _ tensor: StoredTensor, _ shape: [Int]) -> InputError {
    InputError(
      tensor.path, "tensor \(name)", problem: "has the shape \(tensor.shape)",
      expected: "\(shape)")
  }

  private func unreadable(_ name: String, _ tensor: StoredTensor) -> InputError {
    InputError(
      tensor.path, "tensor \(name)", problem: "has the type \(tensor.typeName)",
      expected: "one of " + DType.allCases.map(\.rawValue).joined(separator: ", "))
  }
}

extension TensorSource.Slice? {
  /// Where the slice starts in the tensor.
  fileprivate func bytes(of tensor: StoredTensor, _ dtype: DType) -> Int {
    map { $0.index * dtype.bytes(tensor.elements / $0.count) } ?? 0
  }
}

extension TensorSource.Arrangement {
  /// Rows (of a transposed tensor: columns) of a tensor that holds `rows` of a weight among others.
  fileprivate func elements(of rows: Int) -> Int {
    switch self {
    case .whole, .headsKeysTransposed: rows
    case .rows(_, let total), .transposed(_, let total, _): total
    case .interleaved(_, let parts, _): rows * parts
    }
  }

  /// Where a weight's row lies in the tensor.
  fileprivate func row(_ row: Int) -> Int {
    switch self {
    case .whole, .headsKeysTransposed: row
    case .rows(let first, _): first + row
    case .transposed(let first, _, let step): first + row * step
    case .interleaved(let part, let parts, let size):
      (row / size * parts + part) * size + row % size
    }
  }

  fileprivate var isContiguous: Bool {
    switch self {
    case .whole, .rows: true
    case .interleaved, .transposed, .headsKeysTransposed: false
    }
  }
}
