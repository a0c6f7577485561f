/** What the reader of departments' files says. */
export const intakeChinese: Readonly<Record<string, string>> = {
  'a number this long loses its last digits: write it as text, in quotes':
    '数值过长，末位会丢失：请写成带引号的文本',
  'a quote is opened in column {0} and closed {1} lines later, so that these rows became one: they stand apart in the reject file. Compare them there with the original, and import that file':
    '{0} 列的双引号在 {1} 行之后才闭合，其间各行被并成一行：退回行文件中已按行拆开，请对照原文件核对后导入退回行文件',
  'a text, a number or null is wanted': '应为文本、数值或 null',
  'cells are separated by {0}': '单元格以{0}分隔',
  'column {0} ({1}) may mean {2}: name it so, or leave it out with --ignore-extra':
    '{0} 列“{1}”可能是“{2}”：请改用该名称，或加 --ignore-extra 略过此列',
  'columns that the catalog item calls otherwise are taken for its own: {0}':
    '部分列按目录列名读取：{0}',
  'columns that the catalog item does not have are left out: {0}': '略过目录项以外的列：{0}',
  'columns {0} ({1}) and {2} ({3}) both mean {4}: keep one of them':
    '{0} 列“{1}”与 {2} 列“{3}”都表示“{4}”：请只保留一列',
  comma: '逗号',
  'encoding {0} is not one of {1}': '编码 {0} 无效，可选：{1}',
  'full-width comma': '全角逗号',
  'keys that the catalog item does not have are left out: {0}': '略过目录项以外的键：{0}',
  'line {0}': '第 {0} 行',
  'row {0}': '第 {0} 行',
  semicolon: '分号',
  tab: '制表符',
  'the file has a header and no rows below it': '文件只有表头，没有数据行',
  'the file has no column {0}, which {1}@{2} requires; its header has {3}':
    '文件缺少列：{0}（{1}@{2} 必填）；文件的表头为：{3}',
  'the line is no JSON object': '该行不是 JSON 对象',
  'the row has one cell only, in column {0}: remove the row when it is a note, or fill it in':
    '该行只有 {0} 列有内容：如是说明请删去该行，否则请补全',
  'the row has {0} cells, the header {1}: column {2} is beyond it. A separator inside a cell wants quotes around the cell':
    '该行有 {0} 个单元格，表头为 {1} 列：{2} 列超出表头。单元格内含分隔符时须加双引号',
  'the row has {0} cells, the header {1}: columns {2} to {3} are missing, or a separator before them is':
    '该行有 {0} 个单元格，表头为 {1} 列：缺少 {2} 至 {3} 列，或其前漏了分隔符',
  'the spreadsheet made a date of column {0}: format the column as text and type the cell again':
    '表格软件把 {0} 列的内容变成了日期：请将该列设为文本格式后重新填写该单元格',
  'the number format of column {0} shows another number than the cell has (in thousands, or with signs between the digits): format the column as General or text, and fill in what is meant':
    '{0} 列的数字格式使显示的数与实际存放的数不同（如按千、万显示，或在数字之间插入字符）：请将该列设为常规或文本格式，再填写实际内容',
  'two keys mean the same column: keep one of them': '两个键表示同一列：请只保留一个',
  'a key stands there twice: keep one of them': '同一个键出现两次：请只保留一个',
  'vertical bar': '竖线',
  '{0} can be read in two ways: {1} in UTF-8 or {2} in GB18030; say which with --encoding utf-8 or --encoding gb18030':
    '{0} 有两种读法：按 UTF-8 为“{1}”，按 GB18030 为“{2}”；请用 --encoding utf-8 或 --encoding gb18030 指明',
  '{0} cannot be read: is the name right?': '{0} 无法读取：没有该文件，请核对文件名',
  '{0} cannot be read: it is a folder': '{0} 无法读取：这是文件夹',
  '{0} cannot be read: {1}': '{0} 无法读取：{1}',
  '{0} has no header: row {1} looks like data. Put a line with the names of the columns above it: {2}':
    '{0} 没有表头：第 {1} 行像是数据。请在其上方加一行列名：{2}',
  '{0} is Big5 (traditional characters): give --encoding big5, or save it as "CSV UTF-8" and import that':
    '{0} 是 Big5（繁体）编码：请加 --encoding big5，或另存为“CSV UTF-8”后再导入',
  '{0} is UTF-32: save it as "CSV UTF-8" or as .xlsx, and import that':
    '{0} 是 UTF-32 编码：请另存为“CSV UTF-8”或 .xlsx 后再导入',
  '{0} is a PDF: import the table that it was made from': '{0} 是 PDF：请导入生成它的原表格',
  '{0} is a picture: import the table that it shows': '{0} 是图片：请导入原表格',
  '{0} is a web archive: open it in a spreadsheet program, save it as .xlsx, and import that':
    '{0} 是网页归档文件：请用表格软件打开，另存为 .xlsx 后再导入',
  '{0} is an archive: unpack it, and import the table in it':
    '{0} 是压缩包：请解压后导入其中的表格',
  '{0} is an old workbook (.xls, .et), or one with a password: open it, take the password away, save it as .xlsx, and import that':
    '{0} 是旧版工作簿（.xls、.et）或加了密码的工作簿：请用 Excel 或 WPS 打开，取消密码，另存为 .xlsx 后再导入',
  '{0} is cut off: its last line has {1} cells of {2} and no end. It was not copied or written whole; fetch it again, and import it then':
    '{0} 不完整：末行只有 {1} 个单元格（应为 {2} 个）且没有换行，文件没有写完或没有复制完。请重新取得该文件后再导入',
  '{0} is empty': '{0} 是空文件',
  '{0} is empty: a header line is wanted': '{0} 是空文件：至少应有一行表头',
  '{0} is no column of {1}@{2}: {3}': '{0} 不是 {1}@{2} 的列，该目录项的列有：{3}',
  '{0} is no readable CSV at row {1}: {2}': '{0} 第 {1} 行不是可读的 CSV：{2}',
  '{0} is no text: it has zero bytes throughout. Save the table as .xlsx or as "CSV UTF-8", and import that':
    '{0} 不是文本文件：其中多处为零字节。请将表格另存为 .xlsx 或“CSV UTF-8”后再导入',
  '{0} row(s) above the header are left out': '略过表头以上 {0} 行',
  '{0} row(s) of signatures or notes are left out: {1}': '略过落款或说明 {0} 行：第 {1} 行',
  '{0} row(s) of sums are left out: {1}': '略过合计 {0} 行：第 {1} 行',
  '{0} row(s) that repeat the header or the title are left out: {1}':
    '略过重复的表头或标题 {0} 行：第 {1} 行',
  '{0}: from row {1} on the file has zero bytes alone: it was not copied whole. Copy it again, and import it then':
    '{0}：第 {1} 行起全是零字节，文件没有复制完。请重新复制后再导入',
  '{0}: row {1} and {2} more behind it have no cell: delete the empty rows, and import the file then':
    '{0}：第 {1} 行及其后 {2} 行都是空行；请删除空行后再导入',
  '{0}: in row {1}, column {2} a quote is opened and never closed; close it, or remove it':
    '{0}：第 {1} 行 {2} 列的双引号没有闭合；请补上或删去该引号',
  '{0}: line {1} is longer than {2} characters; one JSON object a line is wanted':
    '{0}：第 {1} 行超过 {2} 个字符；应每行一个 JSON 对象',
  '{0}: line {1} is no JSON object; one flat object a line is wanted':
    '{0}：第 {1} 行不是 JSON 对象；应每行一个对象，不嵌套',
  '{0}: no header is found in the first {1} rows; row {2} has {3}. A line with the names of the columns is wanted: {4}':
    '{0}：前 {1} 行中找不到表头；第 {2} 行为：{3}。应有一行列名：{4}',
  '{0}: row {1} is longer than {2} characters, most often because a quote is opened in it and never closed':
    '{0}：第 {1} 行超过 {2} 个字符，多半是其中的双引号没有闭合',
  '{0}: the header stands in row {1}, and row {2} before it looks like data: move the header to the top':
    '{0}：表头在第 {1} 行，而其上的第 {2} 行像是数据：请把表头移到最上面',
  '{0}: {1} has bytes that are not {2}: give the right --encoding ({3}), or save the file again':
    '{0}：{1}有不属于 {2} 编码的字节：请用 --encoding 指明正确的编码（{3}），或重新保存文件',
  '{0}: {1} is GB18030, what stands before it is UTF-8: two files were put together. Save each as "CSV UTF-8", and import them one after the other':
    '{0}：{1}是 GB18030 编码，之前的内容是 UTF-8：应是两个文件拼在了一起。请分别另存为“CSV UTF-8”，逐个导入',
  '{0}: {1} is UTF-8, what stands before it is GB18030: two files were put together. Save each as "CSV UTF-8", and import them one after the other':
    '{0}：{1}是 UTF-8 编码，之前的内容是 GB18030：应是两个文件拼在了一起。请分别另存为“CSV UTF-8”，逐个导入',
  'the formula in column {0} has no stored value: open the file in a spreadsheet program, save it, and import it then':
    '{0} 列的公式没有存下计算结果：请用 Excel 或 WPS 打开该文件并保存，再导入',
  'the row has cells beyond column {0}': '该行有超出 {0} 列的单元格',
  '{0} has no sheet {1}; it has {2}': '{0} 没有工作表“{1}”，现有：{2}',
  '{0} has more than one sheet with such a table: {1}. Say which with --sheet':
    '{0} 有多个工作表都像是要导入的表：{1}。请用 --sheet 指明',
  'all sheets of {0} are hidden: {1}. Say which with --sheet':
    '{0} 的工作表都被隐藏：{1}。请用 --sheet 指明',
  'sheet {0}, which is hidden, is read': '读取隐藏的工作表“{0}”',
  'sheet {0} is read; the others are not: {1}': '读取工作表“{0}”，未读取：{1}',
  '{0} (hidden)': '{0}（隐藏）',
  '{0} cell(s) are formulas: the values that were stored with them are taken':
    '{0} 个单元格是公式：已取其存下的计算结果',
  '{0} row(s) are hidden or filtered out, and are taken like the others':
    '{0} 行被隐藏或筛选掉，仍与其他行一并读取',
  '{0} cell(s) have more decimals than they show: all of them are taken':
    '{0} 个单元格的小数位多于显示的位数：按实际存放的数读取',
  '{0} cell(s) have the value of the merged cells they belong to':
    '{0} 个单元格取自所属合并单元格的内容',
  '{0} is XML of another kind: save the table as .xlsx or as "CSV UTF-8", and import that':
    '{0} 是其他格式的 XML：请将表格另存为 .xlsx 或“CSV UTF-8”后再导入',
  'the file is a web page: its table is read': '该文件实为网页：已读取其中的表格',
  'the file is an XML spreadsheet: its table is read': '该文件是 XML 电子表格：已读取其中的表格',
  '{0} has no table in it: save the table as .xlsx, and import that':
    '{0} 中没有表格：请将表格另存为 .xlsx 后再导入',
  '{0} has more than one table with such a header: the tables {1}. Save the right one as .xlsx, and import that':
    '{0} 中有多个表格的表头相符：第 {1} 个。请将要导入的表格另存为 .xlsx 后再导入',
  'a line': '某一行',
  '{0} is no table that can be read ({1}): save it as .xlsx, and import that':
    '{0} 中的表格无法读取（{1}）：请另存为 .xlsx 后再导入',
  '{0} is a list in JSON: write one object a line, and name the file .ndjson':
    '{0} 是 JSON 数组：请改为每行一个对象，文件名以 .ndjson 结尾',
  '{0} ends in zero bytes: it was not copied whole. Copy it again, and import it then':
    '{0} 以零字节结尾，没有复制完。请重新复制后再导入',
  'columns without a name are left out: {0}': '略过没有列名的列：{0}',
  'column {0} has {1} characters, more than the {2} of a cell':
    '{0} 列有 {1} 个字符，超过单元格上限 {2}',
  '--sheet is for workbooks, and {0} is none': '--sheet 用于工作簿，{0} 不是工作簿',
  'columns {0} are hidden, and are taken like the others': '{0} 列被隐藏，仍与其他列一并读取',
}
