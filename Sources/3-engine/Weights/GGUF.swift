import Formats
import Foundation
import Input
import Machine
import Model

/// Reader of GGUF files (versions 2 and 3, little-endian): metadata, tensor directory, data.
struct GGUF {
  let path: String
  /// Long arrays (vocabularies) are passed over.
  let metadata: [String: JSONValue]
  let tensors: [String: StoredTensor]

  /// - Parameter file: of a model that was split, the first part: the others are read with it.
  init(_ file: MappedFile) throws {
    path = file.path
    let (metadata, tensors) = try within(file.path) { try Self.parse(file) }
    self.metadata = metadata
    self.tensors = try GGUFParts.joined(file.path, metadata, tensors) { try Self.parse($0) }
  }

  // MARK: Parsing

  private static func parse(
    _ file: MappedFile
  ) throws -> ([String: JSONValue], [String: StoredTensor]) {
    try file.refuseForeign(isGGUF: true)
    var reader = ByteReader(file.bytes)
    guard try reader.string(length: 4) == "GGUF" else {
      throw InputError(problem: "does not start with GGUF", expected: "a GGUF file")
    }
    let version = try reader.integer(UInt32.self)
    guard version == 2 || version == 3 else {
      throw InputError(problem: "is of GGUF version \(version)", expected: "2 or 3, little-endian")
    }
    let tensorCount = try reader.integer(UInt64.self)
    let pairCount = try reader.integer(UInt64.self)
    // Every entry takes some bytes, so a count beyond the size is a lie: no loop runs away.
    guard max(tensorCount, pairCount) < UInt64(file.bytes.count) else {
      throw InputError(problem: "claims \(tensorCount) tensors and \(pairCount) metadata entries")
    }
    var metadata: [String: JSONValue] = [:]
    for _ in 0..<pairCount {
      let key = try reader.string(length: reader.integer(UInt64.self))
      let type = try reader.integer(UInt32.self)
      try within("metadata \(key.prefix(100))") {
        guard metadata.updateValue(try value(ofType: type, &reader, nesting: 0), forKey: key) == nil
        else { throw InputError(problem: "is there twice", expected: "once") }
      }
    }
    var alignment = 32
    if case .integer(let given) = metadata["general.alignment"] {
      guard given > 0, given <= 1 << 20, given & (given - 1) == 0 else {
        throw InputError(
          "general.alignment", problem: "is \(given)", expected: "a power of two")
      }
      alignment = given
    }
    var entries: [(name: String, dimensions: [Int], type: UInt32, offset: UInt64)] = []
    for _ in 0..<tensorCount {
      let name = try reader.string(length: reader.integer(UInt64.self))
      let rank = try reader.integer(UInt32.self)
      guard (1...4).contains(rank) else {
        throw InputError(
          "tensor \(name.prefix(100))", problem: "has \(rank) dimensions", expected: "1 to 4")
      }
      let dimensions = try (0..<rank).map { _ in Int(clamping: try reader.integer(UInt64.self)) }
      entries.append(
        (
          name, dimensions, try reader.integer(UInt32.self), try reader.integer(UInt64.self)
        ))
    }
    try file.requireUnchanged()
    let dataStart = (reader.offset + alignment - 1) / alignment * alignment
    var tensors: [String: StoredTensor] = [:]
    for entry in entries {
      guard tensors[entry.name] == nil else {
        throw InputError("tensor \(entry.name.prefix(100))", problem: "is there twice")
      }
      tensors[entry.name] = try within("tensor \(entry.name.prefix(100))") {
        try tensor(
          entry.dimensions, type: entry.type, offset: entry.offset, dataStart: dataStart, file)
      }
    }
    return (metadata, tensors)
  }

  private static func tensor(
    _ dimensions: [Int], type: UInt32, offset: UInt64, dataStart: Int, _ file: MappedFile
  ) throws -> StoredTensor {
    let dtype = DType(ggufType: type)
    let shape = Array(dimensions.reversed())
    let available = UInt64(max(0, file.bytes.count - dataStart))
    if let dtype {
      let elements = try StoredTensor.elements(of: shape)
      guard elements > 0 else {
        throw InputError(problem: "has the shape \(shape)", expected: "sizes greater than 0")
      }
      guard dimensions[0] % dtype.blockElements == 0 else {
        throw InputError(
          problem: "has rows of \(dimensions[0])",
          expected: "a multiple of \(dtype.blockElements) for \(dtype)")
      }
      let size = UInt64(dtype.bytes(elements))
      guard offset <= available, size <= available - offset else {
        throw InputError(
          problem: "is truncated: \(size) bytes at \(offset), the file holds \(available) bytes "
            + "of data")
      }
    } else {
      guard offset <= available else { throw InputError(problem: "is truncated") }
    }
    return try StoredTensor(
      file: file, typeName: dtype?.format.ggufName ?? unreadTypes[type] ?? "number \(type)",
      dtype: dtype, shape: shape, offset: dataStart + Int(offset))
  }

  /// Names of the types that are not read, by ggml's numbers: no engine multiplies them fast.
  private static let unreadTypes: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 21: "IQ3_S", 22: "IQ2_S", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
    29: "IQ1_M", 31: "Q4_0_4_4", 32: "Q4_0_4_8", 33: "Q4_0_8_8", 34: "TQ1_0", 35: "TQ2_0",
    36: "IQ4_NL_4_4", 37: "IQ4_NL_4_8", 38: "IQ4_NL_8_8", 40: "NVFP4", 41: "Q1_0", 42: "Q2_0",
  ]

  private static func value(
    ofType type: UInt32, _ reader: inout ByteReader, nesting: Int
  ) throws -> JSONValue {
    switch type {
    case 0: return .integer(Int(try reader.integer(UInt8.self)))
    case 1: return .integer(Int(try reader.integer(Int8.self)))
    case 2: return .integer(Int(try reader.integer(UInt16.self)))
    case 3: return .integer(Int(try reader.integer(Int16.self)))
    case 4: return .integer(Int(try reader.integer(UInt32.self)))
    case 5: return .integer(Int(try reader.integer(Int32.self)))
    case 6: return .number(Double(Float(bitPattern: try reader.integer(UInt32.self))))
    case 7: return .bool(try reader.integer(UInt8.self) != 0)
    case 8: return .string(try reader.string(length: reader.integer(UInt64.self)))
    case 9: return try array(&reader, nesting: nesting)
    case 10: return .integer(Int(clamping: try reader.integer(UInt64.self)))
    case 11: return .integer(Int(try reader.integer(Int64.self)))
    case 12: return .number(Double(bitPattern: try reader.integer(UInt64.self)))
    default:
      throw InputError(problem: "has the unknown type \(type)", expected: "0 to 12")
    }
  }

  /// Entries of an array that says something of each layer, or of each turned pair, at most.
  private static let longestArray: UInt64 = 4096
  /// Of any array: tokenizers have up to a million pieces. More would be walked for minutes.
  private static let mostElements: UInt64 = 1 << 24

  private static func array(_ reader: inout ByteReader, nesting: Int) throws -> JSONValue {
    let type = try reader.integer(UInt32.self)
    let count = try reader.integer(UInt64.self)
    guard nesting < 4, count <= min(Self.mostElements, UInt64(reader.bytes.count)) else {
      throw InputError(
        problem: "is an array of \(count) elements, nested \(nesting) deep",
        expected: "at most \(Self.mostElements), nested at most 3 deep")
    }
    var values: [JSONValue] = []
    for _ in 0..<count {
      let value = try value(ofType: type, &reader, nesting: nesting + 1)
      if count <= longestArray { values.append(value) }
    }
    return .array(values)
  }
}

extension GGUF {
  /// The architecture that the metadata describes.
  func architecture() throws -> Architecture {
    try model(KernelTable.selected()).architecture
  }

  /// The same, and what its tensors are called.
  func model(
    _ kernels: KernelTable
  ) throws -> (architecture: Architecture, tensors: TensorNames) {
    try GGUFFamily.read(
      described(kernels),
      name: GGUFParts.modelName(path))
  }

  /// What an architecture is read from.
  private func described(_ kernels: KernelTable) throws -> GGUFMetadata {
    func factors(_ name: String) throws -> [Double]? {
      guard let tensor = tensors["\(name).weight"] else { return nil }
      guard let values = try tensor.values(kernels) else {
        throw InputError(
          "tensor \(name).weight", problem: "has the type \(tensor.typeName)", expected: "f32")
      }
      return try (0..<values.count).map { index in
        guard values.base[index] > 0, values.base[index].isFinite else {
          throw InputError(
            "tensor \(name).weight", problem: "holds \(values.base[index])",
            expected: "positive factors")
        }
        return Double(values.base[index])
      }
    }
    let (short, long) = (try factors("rope_factors_short"), try factors("rope_factors_long"))
    let both = try factors("rope_freqs")
    guard (short == nil) == (long == nil) else {
      throw InputError(
        "tensor rope_factors_\(short == nil ? "short" : "long").weight", problem: "is missing",
        expected: "short and long factors")
    }
    return try GGUFMetadata(
      values: JSONObject(metadata), shapes: tensors.mapValues(\.shape),
      rotaryFactors: (short ?? both).map { .init(short: $0, long: long ?? $0) })
  }
}
