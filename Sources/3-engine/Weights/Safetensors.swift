import Formats
import Foundation
import Input

/// Reader of safetensors files: an 8-byte header length, a JSON header, the data.
enum Safetensors {
  /// Some hundred bytes describe a tensor: no real checkpoint's header comes near this, and one
  /// that claims more would only keep us busy.
  private static let longestHeader = 16 << 20

  /// All tensors of one file, each checked to lie inside it.
  static func tensors(of file: MappedFile) throws -> [String: StoredTensor] {
    try within(file.path) {
      try file.refuseForeign(isGGUF: false)
      var reader = ByteReader(file.bytes)
      let length = try reader.integer(UInt64.self)
      guard length <= longestHeader else {
        throw InputError(
          problem: "claims a header of \(length) bytes", expected: "a safetensors file")
      }
      let headerStart = reader.offset
      try reader.skip(Int(length))
      let dataStart = reader.offset
      let header = try within("header") {
        try JSONObject(parsing: Data(file.bytes[headerStart..<dataStart]))
      }
      try file.requireUnchanged()
      var tensors: [String: StoredTensor] = [:]
      for name in header.fields.keys.sorted() where name != "__metadata__" {
        tensors[name] = try within("tensor \(name.prefix(200))") {
          try tensor(header.object(name) ?? JSONObject([:]), in: file, dataStart: dataStart)
        }
      }
      return tensors
    }
  }

  /// All tensors of a model that is one file; a shard of several is refused.
  static func tensors(ofWhole file: MappedFile) throws -> [String: StoredTensor] {
    let name = file.path.split(separator: "/").last ?? ""
    if let parts = name.wholeMatch(of: /.*-(\d{5})-of-(\d{5})\.safetensors/),
      let part = Int(parts.1), let count = Int(parts.2), count > 1
    {
      throw InputError(
        file.path, problem: "is part \(part) of \(count) of a checkpoint",
        expected: "the folder with its model.safetensors.index.json")
    }
    return try tensors(of: file)
  }

  private static func tensor(
    _ entry: JSONObject, in file: MappedFile, dataStart: Int
  ) throws -> StoredTensor {
    func integers(_ field: String) throws -> [Int] {
      let values: [JSONValue] = try entry.required(
        field, JSONObject.array, expected: "an array of integers")
      return try values.map {
        guard case .integer(let value) = $0, value >= 0 else {
          throw InputError(field, problem: "holds \($0.kind)", expected: "integers of 0 or more")
        }
        return value
      }
    }
    let typeName: String = try entry.required("dtype", JSONObject.string, expected: "a type name")
    let shape = try integers("shape")
    let offsets = try integers("data_offsets")
    let available = file.bytes.count - dataStart
    guard offsets.count == 2, offsets[0] <= offsets[1] else {
      throw InputError(
        "data_offsets", problem: "is \(offsets.prefix(4))", expected: "a start and an end")
    }
    guard offsets[1] <= available else {
      throw InputError(
        problem: "is truncated: data ends at \(offsets[1]), the file holds \(available) bytes of it"
      )
    }
    let dtype: DType? =
      switch typeName {
      case "F32": .f32
      case "BF16": .bf16
      case "F16": .f16
      default: nil
      }
    if let size = dtype?.blockBytes ?? (typeName == FP8.typeName ? 1 : nil) {
      guard try StoredTensor.elements(of: shape) * size == offsets[1] - offsets[0] else {
        throw InputError(
          "data_offsets", problem: "span \(offsets[1] - offsets[0]) bytes",
          expected: "what the shape \(shape) takes in \(typeName)")
      }
    }
    return try StoredTensor(
      file: file, typeName: typeName, dtype: dtype, shape: shape, offset: dataStart + offsets[0])
  }

  /// All tensors of a checkpoint: one file, or the shards that an index lists, with those that it leaves
  /// out: readers of whole shards would take them.
  static func tensors(inFolder folder: URL) throws -> [String: StoredTensor] {
    let index = index(of: folder)
    guard let shards = try shards(inFolder: folder) else {
      return try tensors(of: MappedFile(single(of: folder)))
    }
    var files: [String: [String: StoredTensor]] = [:]
    for name in Set(shards.values).sorted() {
      files[name] = try tensors(of: MappedFile(folder.appendingPathComponent(name)))
    }
    let absent = shards.filter { files[$0.value]?[$0.key] == nil }.sorted { $0.key < $1.key }
    if let first = absent.first {
      let others = absent.count > 1 ? " (and \(absent.count - 1) more)" : ""
      throw InputError(
        index.path, "weight_map",
        problem: "puts tensor \(first.key.prefix(200))\(others) in \(first.value), which holds "
          + "\(files[first.value]?.count ?? 0) tensors but not that one",
        expected: "an index and shards that were written together")
    }
    var all: [String: StoredTensor] = [:]
    for shard in files.keys.sorted() {
      for (name, tensor) in files[shard]!.sorted(by: { $0.key < $1.key }) {
        guard let other = all.updateValue(tensor, forKey: name) else { continue }
        throw InputError(
          tensor.path, "tensor \(name.prefix(200))", problem: "is in \(other.path) as well",
          expected: "each tensor in one shard")
      }
    }
    return all
  }

  /// Paths of the files that hold a checkpoint's tensors.
  static func files(inFolder folder: URL) throws -> [String] {
    guard let shards = try shards(inFolder: folder) else { return [single(of: folder).path] }
    return Set(shards.values).sorted().map { folder.appendingPathComponent($0).path }
  }

  private static func single(of folder: URL) -> URL {
    folder.appendingPathComponent("model.safetensors")
  }

  private static func index(of folder: URL) -> URL {
    folder.appendingPathComponent("model.safetensors.index.json")
  }

  /// The file of each tensor by the folder's index, `nil` where one file holds all.
  private static func shards(inFolder folder: URL) throws -> [String: String]? {
    let index = index(of: folder)
    guard FileManager.default.fileExists(atPath: index.path) else {
      guard FileManager.default.fileExists(atPath: single(of: folder).path) else {
        throw InputError(
          folder.path, problem: "holds no model.safetensors and no model.safetensors.index.json",
          expected: "a checkpoint's folder")
      }
      return nil
    }
    return try within(index.path) {
      let map: JSONObject = try JSONObject(
        parsing: InputFile.shardIndex.data(at: index.path)
      )
      .required("weight_map", JSONObject.object, expected: "tensor names with their files")
      return try map.fields.mapValues { value in
        // An index comes from strangers: it may name files of its own folder only.
        guard case .string(let name) = value, !name.contains("/"), name != "..", name != ".",
          !name.isEmpty, !name.utf8.contains(0)
        else {
          throw InputError("weight_map", problem: "names \(value.kind)", expected: "a file name")
        }
        return name
      }
    }
  }
}
