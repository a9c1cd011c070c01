import Architectures
import CKernels
import Foundation
import Host

/// A weight matrix, row-major: `rows` outputs by `columns` inputs, so a row makes one output.
public struct Matrix: @unchecked Sendable {
  public let dtype: DType
  public let rows: Int
  public let columns: Int
  public let base: UnsafeRawPointer
  /// Keeps the memory alive: a `PageMemory` or a `MappedFile`.
  let owner: AnyObject

  init(dtype: DType, rows: Int, columns: Int, base: UnsafeRawPointer, owner: AnyObject) {
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
    self.base = base
    self.owner = owner
  }

  public var rowBytes: Int { dtype.bytes(columns) }
  public var bytes: Int { rows * rowBytes }

  public func row(_ index: Int) -> UnsafeRawPointer { base + index * rowBytes }
}

/// f32 values at a fixed, cache-line-aligned address: norms, biases, activations.
public final class FloatBuffer: @unchecked Sendable {
  public let base: UnsafeMutablePointer<Float>
  public let count: Int
  private let memory: PageMemory?

  /// Zeroes.
  public init(count: Int) throws {
    self.count = count
    if count * 4 >= 1 << 20 {
      let memory = try PageMemory(count * 4)
      self.memory = memory
      base = memory.base.assumingMemoryBound(to: Float.self)
    } else {
      memory = nil
      let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1) * 4, alignment: 64)
      base = raw.bindMemory(to: Float.self, capacity: max(count, 1))
      base.initialize(repeating: 0, count: count)
    }
  }

  public convenience init(_ values: [Float]) throws {
    try self.init(count: values.count)
    for (index, value) in values.enumerated() { base[index] = value }
  }

  deinit { if memory == nil { base.deallocate() } }
}

/// `y = x·Wᵀ + b`, where W's rows may lie in several matrices of the same width: checkpoints store
/// query, key and value apart, and mapped files are used where they lie.
public struct Linear: Sendable {
  public let parts: [Matrix]
  public let bias: FloatBuffer?

  public init(_ parts: [Matrix], bias: FloatBuffer? = nil) {
    self.parts = parts
    self.bias = bias
  }

  public var rows: Int { parts.reduce(0) { $0 + $1.rows } }
  public var columns: Int { parts[0].columns }
}
