/// Something wrong with what the user gave: a file, a field.
///
/// Printed as one line, `where: what; expected …`; the command line ends with exit code 2.
public struct InputError: Error, CustomStringConvertible, Equatable {
  /// The file or field at fault, outermost first. Fields are spelled as in specifications and records
  /// (`tensor_parallel`): the command line puts its options in their place.
  public var location: [String]
  /// What is wrong there.
  public var problem: String
  /// What would have been right, where that helps.
  public var expected: String?

  public init(_ location: String..., problem: String, expected: String? = nil) {
    self.location = location
    self.problem = problem
    self.expected = expected
  }

  /// The same error, seen from further out: `place` is put before the location.
  public func within(_ place: String) -> InputError {
    var error = self
    error.location.insert(place, at: 0)
    return error
  }

  public var description: String {
    let place = location.isEmpty ? "" : location.joined(separator: ": ") + ": "
    let line = place + problem + (expected.map { "; expected \($0)" } ?? "")
    // Names come from untrusted files: keep the promise of one line.
    return PrintableText.line(line)
  }
}

/// Adds where an error happened: the name of the file, the name of the shard.
public func within<Result>(_ place: String, _ body: () throws -> Result) throws -> Result {
  do { return try body() } catch let error as InputError { throw error.within(place) }
}
