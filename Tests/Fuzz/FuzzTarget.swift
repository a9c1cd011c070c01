import Foundation
import Input

// libFuzzer's interface: it owns `main`, and calls these two.

/// The reader that this process fuzzes: the first argument's, which libFuzzer does not see.
nonisolated(unsafe) private var target: (Data) throws -> Void = { _ in }

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
  _ count: UnsafeMutablePointer<CInt>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> CInt {
  let list = arguments.pointee
  let name = count.pointee > 1 ? String(cString: list[1]!) : ""
  guard let reader = Reader(rawValue: name) else {
    let names = Reader.allCases.map(\.rawValue)
    if name == "list" {
      print(names.joined(separator: "\n"))
      exit(0)
    }
    complain("usage: dyno-fuzz READER [libFuzzer's options] [FOLDER | FILE]")
    complain("readers: \(names.joined(separator: ", "))")
    exit(2)
  }
  for index in 1..<Int(count.pointee) { list[index] = list[index + 1] }
  count.pointee -= 1
  do { target = try reader.target() } catch {
    complain("\(error)")
    exit(2)
  }
  return 0
}

/// An input is good, or refused with an `InputError`; anything else is a fault.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let data = bytes.map { Data(bytes: $0, count: count) } ?? Data()
  do {
    try target(data)
  } catch let error as InputError {
    let text = error.description
    precondition(
      !text.isEmpty && text.utf8.count < 100_000, "the message: \(text.utf8.count) bytes")
  } catch {
    fatalError("not an InputError: \(error)")
  }
  return 0
}

private func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
