import ArgumentParser
import Foundation

/// An option or flag of a command, as the parser lists it for tools.
struct ListedOption: Decodable {
  struct Name: Decodable {
    let kind: String
    let name: String

    /// Without its dashes; `nil` for a short one.
    var long: String? { kind == "long" ? name : nil }
    /// As it is typed.
    var typed: String { (kind == "long" ? "--" : "-") + name }
  }

  /// `option`, `flag` or `positional`.
  let kind: String
  let isRepeating: Bool
  let names: [Name]

  private enum CodingKeys: CodingKey { case kind, isRepeating, names }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    kind = try container.decode(String.self, forKey: .kind)
    isRepeating = try container.decode(Bool.self, forKey: .isRepeating)
    names = try container.decodeIfPresent([Name].self, forKey: .names) ?? []
  }
}

extension ParsableCommand {
  static var listedOptions: [ListedOption] {
    let list = try? JSONDecoder().decode(List.self, from: Data(_dumpHelp().utf8))
    return list?.command.arguments ?? []
  }
}

private struct List: Decodable {
  struct Command: Decodable { let arguments: [ListedOption]? }

  let command: Command
}
