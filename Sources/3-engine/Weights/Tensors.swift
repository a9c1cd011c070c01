import CKernels
import Formats
import Foundation
import Machine

/// A weight matrix: `rows` outputs by `columns` inputs, so a row makes one output. Sendable, as nobody
/// writes to one that has been made.
public struct Matrix: @unchecked Sendable {
  public let dtype: DType
  public let rows: Int
  public let columns: Int
  public let base: UnsafeRawPointer
  public let layout: WeightLayout
  /// Keeps the memory alive: a `PageMemory` or a `MappedFile`.
  let owner: AnyObject

  init(
    dtype: DType, rows: Int, columns: Int, base: UnsafeRawPointer, owner: AnyObject,
    layout: WeightLayout = .rows
  ) {
    self.dtype = dtype
    self.rows = rows
    self.columns = columns
    self.base = base
    self.owner = owner
    self.layout = layout
  }

  public var rowBytes: Int { dtype.bytes(columns) }
  public var bytes: Int { rows * rowBytes }

  /// Where a row starts, or a panel whose first row it is.
  public func row(_ index: Int) -> UnsafeRawPointer { base + index * rowBytes }

  /// The first rows, which lie in panels; those that fill no panel follow as they are.
  public var packedRows: Int {
    layout == .rows ? 0 : rows / layout.panelRows * layout.panelRows
  }

  /// One row as f32.
  public func expand(
    row: Int, _ kernels: KernelTable, into destination: UnsafeMutablePointer<Float>
  ) {
    guard row < packedRows else {
      kernels.functions.expand(dtype.kernelType, self.row(row), columns, destination)
      return
    }
    precondition(layout == .packed(dtype, kernels), "packed for other kernels")
    let place = row % layout.panelRows
    kernels.functions.expand_packed(
      dtype.kernelType, self.row(row - place), place, columns, destination)
  }
}

/// How a matrix lies in memory.
public enum WeightLayout: Sendable, Equatable {
  /// Row after row, as in files: the reference, and for machines without SIMD kernels. Block formats
  /// are expanded to f32 when they are multiplied.
  case rows
  /// Rows interleaved in panels of so many, as kernels of that width read them. The bytes are as
  /// many. Block formats are multiplied in integers, with activations quantised as well.
  case panels(outputs: Int)

  /// Rows that lie together.
  public var panelRows: Int {
    switch self {
    case .rows: 1
    case .panels(let outputs): outputs
    }
  }

  /// The fastest for a dtype.
  public static func packed(_ dtype: DType, _ kernels: KernelTable) -> WeightLayout {
    let outputs = dtype.isBlocks ? kernels.functions.block_panel : kernels.functions.float_panel
    return outputs > 0 ? .panels(outputs: outputs) : .rows
  }
}

/// f32 values at a fixed, cache-line-aligned address: norms, biases, activations. Sendable as an
/// address: who writes what is its users' to agree on (see `ThreadTeam`).
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
