import ArgumentParser
import Foundation
import Input

// Libraries name fields, as specifications and records spell them. Here they become options.

extension InputError {
  /// The same error for a user of the command line: where a field is at fault that `command` has an
  /// option for (`tensor_parallel`), that option is named (`--tensor-parallel`).
  ///
  /// - Parameter arguments: those of `command`. A file of theirs that is called like a field stays
  ///   that file.
  func namingOptions(
    of command: any ParsableCommand.Type, given arguments: [String]
  ) -> InputError {
    guard let place = location.first, !arguments.contains(place) else { return self }
    let options = command.optionNames
    var error = self
    error.location[0] = place.components(separatedBy: ", ").map { field in
      let option = field.replacing("_", with: "-")
      return options.contains(option) ? "--\(option)" : field
    }.joined(separator: ", ")
    return error
  }
}

extension ParsableCommand {
  /// Its options and flags without their dashes, as the parser lists them for tools.
  fileprivate static var optionNames: Set<String> {
    let list = try? JSONDecoder().decode(OptionList.self, from: Data(_dumpHelp().utf8))
    let names = (list?.command.arguments ?? []).flatMap { $0.names ?? [] }
    return Set(names.filter { $0.kind == "long" }.map(\.name))
  }
}

/// What is read of the parser's description of a command.
private struct OptionList: Decodable {
  struct Command: Decodable { let arguments: [Argument]? }
  struct Argument: Decodable { let names: [Name]? }
  struct Name: Decodable {
    let kind: String
    let name: String
  }

  let command: Command
}
