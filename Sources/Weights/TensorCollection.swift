import Architectures
import CKernels
import Foundation
import Host

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

/// The tensors of a model by name, whatever files they come from.
struct TensorCollection {
  let tensors: [String: StoredTensor]
  let kernels: KernelTable
  /// Where to say a missing tensor was looked for.
  let source: String

  func contains(_ name: String) -> Bool { tensors[name] != nil }

  func matrix(_ name: String, rows: Int, columns: Int) throws -> Matrix {
    let tensor = try tensor(name, shape: [rows, columns])
    guard let dtype = tensor.dtype else { throw unreadable(name, tensor) }
    // Kernels read whole elements; a file may put them at odd addresses.
    let alignment = dtype == .f32 ? 4 : 2
    guard UInt(bitPattern: tensor.base) % UInt(alignment) == 0 else {
      let count = rows * dtype.bytes(columns)
      guard count <= AvailableMemory.bytes() else {
        throw InputError(
          tensor.file.path, "tensor \(name)",
          problem: "lies at an odd address, and its copy takes \(count) bytes",
          expected: "at most the available \(AvailableMemory.bytes())")
      }
      let memory = try PageMemory(count)
      memory.base.copyMemory(from: tensor.base, byteCount: count)
      return Matrix(dtype: dtype, rows: rows, columns: columns, base: memory.base, owner: memory)
    }
    return Matrix(dtype: dtype, rows: rows, columns: columns, base: tensor.base, owner: tensor.file)
  }

  /// A vector, as f32.
  func vector(_ name: String, count: Int) throws -> FloatBuffer {
    let tensor = try tensor(name, shape: [count])
    guard let dtype = tensor.dtype, dtype.blockElements == 1 else { throw unreadable(name, tensor) }
    let buffer = try FloatBuffer(count: count)
    let size = dtype.blockBytes
    let aligned = try FloatBuffer(count: count)  // as many bytes as any of these types needs
    UnsafeMutableRawPointer(aligned.base).copyMemory(from: tensor.base, byteCount: count * size)
    kernels.functions.expand(dtype.kernelType, aligned.base, count, buffer.base)
    return buffer
  }

  private func tensor(_ name: String, shape: [Int]) throws -> StoredTensor {
    guard let tensor = tensors[name] else {
      throw InputError(
        source, "tensor \(name)", problem: "is missing", expected: "shape \(shape)")
    }
    guard tensor.shape == shape else {
      throw InputError(
        tensor.file.path, "tensor \(name)", problem: "has the shape \(tensor.shape)",
        expected: "\(shape)")
    }
    return tensor
  }

  private func unreadable(_ name: String, _ tensor: StoredTensor) -> InputError {
    InputError(
      tensor.file.path, "tensor \(name)", problem: "has the type \(tensor.typeName)",
      expected: "one of " + DType.allCases.map(\.rawValue).joined(separator: ", "))
  }
}
