import Formats
import Input
import Machine

/// A tensor of a file: where it lies there, or as it was expanded from there.
struct StoredTensor {
  /// The file's path.
  let path: String
  /// What the file calls its type; `dtype` is `nil` where we do not read that.
  let typeName: String
  let dtype: DType?
  /// Outermost dimension first, as in PyTorch.
  let shape: [Int]
  /// The product of the shape.
  let elements: Int
  let base: UnsafeRawPointer
  /// Keeps the memory alive.
  let owner: AnyObject

  /// In a mapped file.
  ///
  /// - Throws: `InputError` for a shape of no tensor, whether its type is read or not.
  init(file: MappedFile, typeName: String, dtype: DType?, shape: [Int], offset: Int) throws {
    elements = try Self.elements(of: shape)
    path = file.path
    self.typeName = typeName
    self.dtype = dtype
    self.shape = shape
    base = file.bytes.baseAddress! + offset
    owner = file
  }

  /// What another one was expanded to.
  init(expanding other: StoredTensor, to dtype: DType, _ memory: PageMemory) {
    path = other.path
    typeName = other.typeName
    self.dtype = dtype
    shape = other.shape
    elements = other.elements
    base = UnsafeRawPointer(memory.base)
    owner = memory
  }

  /// - Throws: `InputError` for a shape of no tensor.
  static func elements(of shape: [Int]) throws -> Int {
    // Messages tell shapes.
    guard shape.count <= 64 else {
      throw InputError(problem: "has \(shape.count) dimensions", expected: "at most 64")
    }
    return try shape.reduce(1) { product, size in
      let (elements, overflow) = product.multipliedReportingOverflow(by: size)
      guard size >= 0, !overflow, elements <= 1 << 48 else {
        throw InputError(problem: "has the shape \(shape)", expected: "at most 2^48 elements")
      }
      return elements
    }
  }
}

extension StoredTensor {
  /// Values as f32, all from `first` on or `count` of them; `nil` for block formats and types that we
  /// do not read.
  func values(
    _ kernels: KernelTable, from first: Int = 0, count: Int? = nil
  ) throws -> FloatBuffer? {
    guard let dtype, !dtype.isBlocks else { return nil }
    let count = count ?? elements - first
    let buffer = try FloatBuffer(count: count)
    let aligned = try FloatBuffer(count: count)  // as many bytes as any of these types needs
    UnsafeMutableRawPointer(aligned.base).copyMemory(
      from: base + first * dtype.blockBytes, byteCount: count * dtype.blockBytes)
    kernels.functions.expand(dtype.kernelType, aligned.base, count, buffer.base)
    return buffer
  }
}
