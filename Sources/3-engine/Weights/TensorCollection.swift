import CKernels
import Formats
import Foundation
import Input
import Machine
import Model

/// A tensor in a mapped file.
struct StoredTensor {
  let file: MappedFile
  /// What the file calls its type; `dtype` is `nil` where we do not read that.
  let typeName: String
  let dtype: DType?
  /// Outermost dimension first, as in PyTorch.
  let shape: [Int]
  let offset: Int

  var base: UnsafeRawPointer { file.bytes.baseAddress! + offset }
}

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
      let place = names.source(spec, layer, architecture)
      return spec.isExact
        ? try exact(place, rows: spec.rows, columns: spec.columns!)
        : try matrix(place, rows: spec.rows, columns: spec.columns!)
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
    let place = names.source(spec, layer, architecture)
    let result = try FloatBuffer(count: spec.rows)
    let each = spec.rows / place.names.count
    for (index, name) in place.names.enumerated() {
      let values = try values(name, elements: place.arrangement.elements(of: each))
      for row in 0..<each {
        result.base[index * each + row] =
          values.base[place.arrangement.row(row)] + place.offset
      }
    }
    return result
  }

  /// Refuses tensors that nothing has asked for: the model would not be the one that was meant.
  func refuseSurplus() throws {
    let headName = names.source(
      WeightSpec(
        role: .head, form: .matrix(columns: architecture.hiddenSize),
        rows: architecture.vocabularySize), nil, architecture
    ).names
    let surplus = tensors.keys.filter { name in
      !used.contains(name) && !headName.contains(name)
        && !names.surplus.contains {
          name.hasSuffix($0) || $0.hasSuffix(".") && name.hasPrefix($0)
        }
    }.sorted()
    guard let first = surplus.first else { return }
    let others = surplus.count > 1 ? " and \(surplus.count - 1) others" : ""
    throw InputError(
      source, "tensor \(first)\(others)",
      problem: "is not used by a \(architecture.modelType) model of this configuration",
      expected: "only tensors that the configuration asks for")
  }

  private func matrix(_ place: TensorSource, rows: Int, columns: Int) throws -> Matrix {
    let name = place.names[0]
    precondition(place.names.count == 1, "a matrix is of one tensor")
    var shape = [place.arrangement.elements(of: rows), columns]
    if case .transposed = place.arrangement { shape.reverse() }
    let tensor = try tensor(name, shape: shape)
    guard let dtype = tensor.dtype else { throw unreadable(name, tensor) }
    if case .transposed(let first, _) = place.arrangement {
      return try transposed(name, tensor, dtype, rows: rows, columns: columns, first: first)
    }
    let rowBytes = dtype.bytes(columns)
    // Kernels read whole elements; a file may put them at odd addresses.
    let alignment = dtype == .f32 ? 4 : 2
    let base = tensor.base + place.arrangement.row(0) * rowBytes
    if place.arrangement.isContiguous, UInt(bitPattern: base) % UInt(alignment) == 0 {
      return Matrix(
        dtype: dtype, rows: rows, columns: columns, base: base, owner: tensor.file)
    }
    let memory = try copy(name, tensor, bytes: rows * rowBytes)
    for row in 0..<rows {
      (memory.base + row * rowBytes).copyMemory(
        from: tensor.base + place.arrangement.row(row) * rowBytes, byteCount: rowBytes)
    }
    return Matrix(dtype: dtype, rows: rows, columns: columns, base: memory.base, owner: memory)
  }

  /// A small matrix as f32, whatever its shape in the file.
  private func exact(_ place: TensorSource, rows: Int, columns: Int) throws -> Matrix {
    precondition(place.arrangement == .whole && place.names.count == 1)
    let values = try values(place.names[0], elements: rows * columns)
    return Matrix(
      dtype: .f32, rows: rows, columns: columns, base: UnsafeRawPointer(values.base),
      owner: values)
  }

  /// Rows that are columns in the file.
  private func transposed(
    _ name: String, _ tensor: StoredTensor, _ dtype: DType, rows: Int, columns: Int, first: Int
  ) throws -> Matrix {
    guard dtype.blockElements == 1 else { throw unreadable(name, tensor) }
    let size = dtype.blockBytes
    let memory = try copy(name, tensor, bytes: rows * columns * size)
    let width = tensor.shape[1]
    for row in 0..<rows {
      for column in 0..<columns {
        (memory.base + (row * columns + column) * size).copyMemory(
          from: tensor.base + (column * width + first + row) * size, byteCount: size)
      }
    }
    return Matrix(dtype: dtype, rows: rows, columns: columns, base: memory.base, owner: memory)
  }

  private func copy(_ name: String, _ tensor: StoredTensor, bytes: Int) throws -> PageMemory {
    let available = AvailableMemory.bytes()
    guard bytes <= available else {
      throw InputError(
        tensor.file.path, "tensor \(name)",
        problem: "has to be rearranged, and its copy takes \(bytes) bytes",
        expected: "at most the available \(available)")
    }
    return try PageMemory(bytes)
  }

  /// The values of a tensor of so many elements, whatever its shape, as f32.
  private func values(_ name: String, elements count: Int) throws -> FloatBuffer {
    let tensor = try tensor(name)
    guard tensor.shape.reduce(1, *) == count else { throw misshapen(name, tensor, [count]) }
    return try tensor.values(kernels) ?? { throw unreadable(name, tensor) }()
  }

  private func tensor(_ name: String, shape: [Int]) throws -> StoredTensor {
    let tensor = try tensor(name)
    guard tensor.shape == shape else { throw misshapen(name, tensor, shape) }
    return tensor
  }

  private func tensor(_ name: String) throws -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw InputError(
        source, "tensor \(name)", problem: "is missing",
        expected: "it for a \(architecture.modelType) model of this configuration")
    }
    used.insert(name)
    return tensor
  }

  private func misshapen(_ name: String, _ tensor: StoredTensor, _ shape: [Int]) -> InputError {
    InputError(
      tensor.file.path, "tensor \(name)", problem: "has the shape \(tensor.shape)",
      expected: "\(shape)")
  }

  private func unreadable(_ name: String, _ tensor: StoredTensor) -> InputError {
    InputError(
      tensor.file.path, "tensor \(name)", problem: "has the type \(tensor.typeName)",
      expected: "one of " + DType.allCases.map(\.rawValue).joined(separator: ", "))
  }
}

extension StoredTensor {
  /// All values as f32; `nil` for block formats and types that we do not read.
  func values(_ kernels: KernelTable) throws -> FloatBuffer? {
    guard let dtype, dtype.blockElements == 1 else { return nil }
    let count = shape.reduce(1, *)
    let buffer = try FloatBuffer(count: count)
    let aligned = try FloatBuffer(count: count)  // as many bytes as any of these types needs
    UnsafeMutableRawPointer(aligned.base).copyMemory(
      from: base, byteCount: count * dtype.blockBytes)
    kernels.functions.expand(dtype.kernelType, aligned.base, count, buffer.base)
    return buffer
  }
}

extension TensorSource.Arrangement {
  /// Rows (of a transposed tensor: columns) of a tensor that holds `rows` of a weight among others.
  fileprivate func elements(of rows: Int) -> Int {
    switch self {
    case .whole: rows
    case .rows(_, let total), .transposed(_, let total): total
    case .interleaved(_, let parts, _): rows * parts
    }
  }

  /// Where a weight's row lies in the tensor.
  fileprivate func row(_ row: Int) -> Int {
    switch self {
    case .whole: row
    case .rows(let first, _), .transposed(let first, _): first + row
    case .interleaved(let part, let parts, let size):
      (row / size * parts + part) * size + row % size
    }
  }

  fileprivate var isContiguous: Bool {
    switch self {
    case .whole, .rows: true
    case .interleaved, .transposed: false
    }
  }
}
