package policies
import ("testing";"fmt")
func TestZZ(t *testing.T){
 c,err:=Embedded()
 if err!=nil { t.Fatal(err)}
 n:=0
 for _,r:=range c.Test(){ n++; if !r.OK(){fmt.Printf("%s %s: %s: %s\n",r.Pos,r.Rule,r.Name,r.Detail)}}
 fmt.Println(len(c.Rules()),n)
}
