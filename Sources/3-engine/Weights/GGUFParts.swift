import Foundation
import Input

/// A model that llama.cpp's `gguf-split` cut into files `NAME-00001-of-00003.gguf` and so on: the first
/// holds the metadata, each some tensors.
enum GGUFParts {
  /// A path as such names are made.
  private struct Name {
    /// Up to the part's number.
    let stem: String
    let part: Int
    let count: Int

    init?(_ path: String) {
      guard let match = path.wholeMatch(of: /(.*)-(\d{5})-of-(\d{5})\.gguf/),
        let part = Int(match.2), let count = Int(match.3), part >= 1, part <= count
      else { return nil }
      stem = String(match.1)
      self.part = part
      self.count = count
    }

    func path(ofPart part: Int) -> String {
      func digits(_ number: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, 5 - text.count)) + text
      }
      return "\(stem)-\(digits(part))-of-\(digits(count)).gguf"
    }
  }

  typealias Contents = (metadata: [String: JSONValue], tensors: [String: StoredTensor])

  /// The tensors of all parts.
  ///
  /// - Parameters:
  ///   - path: of the first one, whose contents are given.
  ///   - parse: reads another one.
  /// - Throws: `InputError` where a part is missing, or is not what its name says.
  static func joined(
    _ path: String, _ metadata: [String: JSONValue], _ tensors: [String: StoredTensor],
    parse: (MappedFile) throws -> Contents
  ) throws -> [String: StoredTensor] {
    guard case .integer(let count)? = metadata["split.count"], count > 1 else { return tensors }
    let name = Name(path)
    try within(path) {
      try requirePart(0, of: count, metadata, first: name?.path(ofPart: 1))
      guard let name, name.part == 1, name.count == count else {
        throw InputError(
          problem: "is part 1 of \(count) of a model, but its name does not say so",
          expected: "a name that ends in -00001-of-\(String(format: "%05d", count)).gguf")
      }
    }
    var all = tensors
    for part in 2...count {
      let path = name!.path(ofPart: part)
      guard FileManager.default.fileExists(atPath: path) else {
        throw InputError(
          path, problem: "is missing: part \(part) of \(count) of a model",
          expected: "all parts in one folder")
      }
      let file = try MappedFile(URL(fileURLWithPath: path))
      try within(path) {
        let contents = try parse(file)
        try requirePart(part - 1, of: count, contents.metadata, first: nil)
        for (name, tensor) in contents.tensors {
          guard all.updateValue(tensor, forKey: name) == nil else {
            throw InputError("tensor \(name.prefix(100))", problem: "is in another part as well")
          }
        }
      }
    }
    if case .integer(let total)? = metadata["split.tensors.count"], total != all.count {
      throw InputError(
        path, "split.tensors.count", problem: "is \(total), the parts hold \(all.count) tensors",
        expected: "parts of one model")
    }
    return all
  }

  /// - Parameters:
  ///   - number: from 0.
  ///   - first: the path of the first part, as far as it is known.
  private static func requirePart(
    _ number: Int, of count: Int, _ metadata: [String: JSONValue], first: String?
  ) throws {
    guard case .integer(count)? = metadata["split.count"] else {
      throw InputError(
        "split.count", problem: "is not that of the first part", expected: "\(count)")
    }
    guard case .integer(let found)? = metadata["split.no"] else {
      throw InputError("split.no", problem: "is missing", expected: "\(number)")
    }
    guard found == number else {
      let isGiven = number == 0
      throw InputError(
        problem:
          "is part \(found < .max ? found + 1 : found) of \(count) of a model that was split",
        expected: isGiven
          ? "the first part" + (first.map { ", \($0)" } ?? "") : "part \(number + 1)")
    }
  }

  /// Paths of the files that hold the model of which `path` is the whole or the first part.
  static func paths(_ path: String) -> [String] {
    guard let name = Name(path), name.part == 1 else { return [path] }
    return (1...name.count).map(name.path(ofPart:))
  }

  /// Whether a file's name says that it belongs to one that comes before it.
  static func isLaterPart(_ path: String) -> Bool { Name(path).map { $0.part > 1 } ?? false }

  /// What a model is called by its file.
  static func modelName(_ path: String) -> String {
    let stem = Name(path)?.stem ?? URL(fileURLWithPath: path).deletingPathExtension().path
    return URL(fileURLWithPath: stem).lastPathComponent
  }
}
