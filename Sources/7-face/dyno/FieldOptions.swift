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
    let options = Set(command.listedOptions.flatMap { $0.names.compactMap(\.long) })
    var error = self
    error.location[0] = place.components(separatedBy: ", ").map { field in
      let option = field.replacing("_", with: "-")
      return options.contains(option) ? "--\(option)" : field
    }.joined(separator: ", ")
    return error
  }
}
